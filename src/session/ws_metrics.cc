#include "session/ws_metrics.h"

namespace parley {

void AddMetrics(const WsCounters& counters, uint64_t bytes_written, MetricFamilies& out) {
  out.AddGauge("websockets", "Open WebSockets.", static_cast<double>(counters.open.value()));
  out.AddCounter("websockets_opened_total", "WebSockets opened.", counters.opened.value());
  std::vector<MetricFamilies::Value> closed;
  for (size_t i = 0; i < kCloseCodes.size(); ++i) {
    const std::string code = std::to_string(static_cast<uint16_t>(kCloseCodes[i]));
    closed.push_back({{{"code", code}}, static_cast<double>(counters.closed[i].value())});
  }
  out.AddCounters("connections_closed_total", "WebSockets closed, by close code.", closed);
  out.AddCounters(
      "frames_bytes_total",
      "Bytes of WebSocket frames received and bytes of all protocols sent, by direction.",
      {{{{"direction", "in"}}, static_cast<double>(counters.bytes_in.value())},
       {{{"direction", "out"}}, static_cast<double>(bytes_written)}});
}

}  // namespace parley
