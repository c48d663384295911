// The table of probes, in the order in which they run. To add one: a row, see probe.h.
#include <array>

#include "app/doctor/probe.h"

namespace parley::doctor {
namespace {

using std::chrono::minutes, std::chrono::seconds;

constexpr auto kProbes = std::to_array<Probe>({
    {"capacity", Scope::kLocal, seconds(5), ProbeCapacity},
    {"secrets", Scope::kLocal, seconds(5), ProbeSecrets},
    {"certificate", Scope::kLocal, seconds(5), ProbeCertificate},
    {"data", Scope::kLocal, seconds(15), ProbeDataDirectory},
    {"postgres", Scope::kLocal, seconds(20), ProbePostgres},
    {"redis", Scope::kLocal, seconds(20), ProbeRedis},
    {"clocks", Scope::kLocal, seconds(15), ProbeClocks},
    {"nodes", Scope::kLocal, seconds(20), ProbeNodes},

    {"dns", Scope::kUrl, seconds(10), ProbeDns, true},
    {"tcp", Scope::kUrl, seconds(20), ProbeTcp, true},
    {"tls", Scope::kUrl, seconds(10), ProbeTls, true},
    {"http", Scope::kUrl, seconds(15), ProbeHttp, true},
    {"server_clock", Scope::kUrl, seconds(10), ProbeServerClock},
    {"token", Scope::kUrl, seconds(15), ProbeToken},
    {"websocket", Scope::kUrl, seconds(20), ProbeWebSocket, true},
    {"idle", Scope::kUrl, minutes(10), ProbeIdle},

    {"round_trip", Scope::kNodes, minutes(3), ProbeRoundTrip},
});

}  // namespace

std::span<const Probe> Probes() { return kProbes; }

}  // namespace parley::doctor
