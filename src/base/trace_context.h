// W3C Trace Context: the trace of a request, which a client or proxy starts with the `traceparent` header.
// https://www.w3.org/TR/trace-context/
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace parley {

struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits, not all zero
  std::string span_id;   // 16 digits: this server's part of the trace
  bool sampled = false;
  std::string state;  // the client's `tracestate`, unchanged; can be empty

  // The value of `traceparent` for requests that this server makes on behalf of the trace. They also send
  // `tracestate: <state>` if it is not empty.
  std::string ToHeader() const;
};

// Starts a trace.
TraceContext NewTrace();

// Continues the trace of a request with a new span. Returns nullopt if the header is malformed: then the
// request has no trace, and its `tracestate` must be ignored, too. `tracestate`: all lines of the header,
// joined with commas; it is dropped if it is longer than 512 bytes or has other characters than printable
// ASCII.
std::optional<TraceContext> ContinueTrace(std::string_view traceparent,
                                          std::string_view tracestate);

}  // namespace parley
