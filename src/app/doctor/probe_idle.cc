// Whether an idle WebSocket stays open until the server's ping: the proxy's idle timeouts against
// websocket.ping_interval, which the first frame tells.
#include <fmt/format.h>

#include "app/doctor/probe.h"
#include "app/doctor/socket_client.h"

namespace parley::doctor {
namespace {

constexpr Millis kFirstFrame{5'000}, kLate{5'000}, kMostWait{9 * 60'000};

double SecondsSince(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

}  // namespace

ProbeResult ProbeIdle(const ProbeInput& input) {
  if (input.token.empty()) return Skip("no accepted token");
  Report report;
  auto since = std::chrono::steady_clock::now();
  Millis interval{0};
  try {
    SocketClient socket(input, "/ws/messaging/");
    const auto first = socket.WaitFor(kFirstFrame, [](const SocketFrame& f) {
      return HasType(f, "connection_established") || f.opcode == WsOpcode::kClose;
    });
    if (!first) return Fail(Code::websocket_silent, "the first frame did not arrive");
    if (first->opcode == WsOpcode::kClose) {
      return Fail(Code::websocket_closed, first->Describe() + " instead of the first frame");
    }
    interval = Millis(JsonInt(first->payload, "/data/ping_interval_ms").value_or(25'000));
    if (interval > kMostWait)
      return Skip(fmt::format("websocket.ping_interval is {} s", interval.count() / 1000));
    since = std::chrono::steady_clock::now();
    const auto frame = socket.WaitFor(interval + kLate, [](const SocketFrame& f) {
      return f.opcode == WsOpcode::kPing || f.opcode == WsOpcode::kClose;
    });
    if (!frame) {
      report.Add(Code::ping_missing,
                 fmt::format("no ping within {} s", (interval + kLate).count() / 1000));
    } else if (frame->opcode == WsOpcode::kClose) {
      report.Add(Code::websocket_closed,
                 fmt::format("{} after {:.1f} s", frame->Describe(), SecondsSince(since)));
    } else {
      socket.Send(WsOpcode::kPong, frame->payload);
      report.Note(fmt::format("the server's ping arrived after {:.1f} s", SecondsSince(since)));
    }
  } catch (const UpgradeRefused& refused) {
    report.Add(Code::upgrade_refused, refused.what());
  } catch (const NoUpgrade& failure) {
    report.Add(Code::upgrade_refused, failure.what());
  } catch (const SocketLost& lost) {
    if (interval == Millis(0)) return Fail(Code::websocket_silent, lost.what());
    report.Add(
        Code::proxy_idle_timeout,
        fmt::format("the connection was cut after {:.1f} s; websocket.ping_interval is {:.1f} s",
                    SecondsSince(since), static_cast<double>(interval.count()) / 1000));
  }
  return report.Done();
}

}  // namespace parley::doctor
