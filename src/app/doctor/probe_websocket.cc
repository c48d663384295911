// Whether a WebSocket opens through the proxy, and carries small frames at once in both directions.
#include <fmt/format.h>

#include "app/doctor/measure.h"
#include "app/doctor/probe.h"
#include "app/doctor/socket_client.h"

namespace parley::doctor {
namespace {

constexpr Millis kAnswerFrame{4'000};
// Pings whose pongs fill the buffer of a proxy; fewer than the limit of commands.
constexpr int kFlushingPings = 200;

Code CodeOf(const HttpAnswer& answer) {
  if (answer.Problem() == "upgrade_required" || answer.status == 426)
    return Code::upgrade_not_forwarded;
  return Code::upgrade_refused;
}

// Waits for a frame; if it does not arrive, sends more data to find out whether a proxy holds it back.
template <class Wanted>
std::optional<SocketFrame> Expect(SocketClient& socket, const char* what, Report& report,
                                  Wanted&& wanted) {
  const bool any_before = socket.received_any();
  if (auto frame = socket.WaitFor(kAnswerFrame, wanted)) return frame;
  for (int i = 0; i < kFlushingPings; ++i) socket.Send(WsOpcode::kPing, std::string(125, '.'));
  if (socket.WaitFor(kAnswerFrame, wanted)) {
    report.Add(Code::proxy_buffers,
               fmt::format("{} arrived only after {} more frames", what, kFlushingPings));
  } else {
    report.Add(Code::websocket_silent, fmt::format("{} did not arrive; {} did", what,
                                                   any_before ? "earlier data" : "nothing"));
  }
  return std::nullopt;
}

void CheckFrames(SocketClient& socket, bool authenticated, Report& report) {
  if (authenticated) {
    const auto first = Expect(socket, "the first frame", report, [](const SocketFrame& f) {
      return f.opcode == WsOpcode::kText || f.opcode == WsOpcode::kClose;
    });
    if (!first) return;
    if (!HasType(*first, "connection_established")) {
      return report.Add(Code::websocket_closed, first->Describe());
    }
  }
  bool answered = true;
  const double millis = MedianMillis(5, Millis(1'000), [&] {
    if (!answered) return;
    socket.Send(WsOpcode::kPing, "doctor");
    answered = Expect(socket, "a pong", report, [](const SocketFrame& f) {
                 return f.opcode == WsOpcode::kPong && f.payload == "doctor";
               }).has_value();
  });
  if (answered) report.Note("a ping takes " + MillisText(millis));
}

}  // namespace

ProbeResult ProbeWebSocket(const ProbeInput& input) {
  Report report;
  try {
    SocketClient socket(input, "/ws/messaging/");
    report.Note("the upgrade is accepted");
    CheckFrames(socket, !input.token.empty(), report);
  } catch (const UpgradeRefused& refused) {
    // Without a token, a server that behaves as the guide's system refuses the handshake.
    const std::string code = refused.answer().Problem();
    if (input.token.empty() && (code == "not_authenticated" || code == "token_not_valid")) {
      return Skip("no accepted token");
    }
    report.Add(CodeOf(refused.answer()), refused.what());
  } catch (const NoUpgrade& failure) {
    report.Add(Code::upgrade_refused, failure.what());
  } catch (const SocketLost& lost) {
    report.Add(Code::websocket_silent, lost.what());
  }
  return report.Done();
}

}  // namespace parley::doctor
