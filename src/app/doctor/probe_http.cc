// Whether the API of Parley answers at a URL, and the clock of the server.
#include <curl/curl.h>
#include <fmt/format.h>

#include "app/doctor/clocks.h"
#include "app/doctor/http_client.h"
#include "app/doctor/probe.h"

namespace parley::doctor {
namespace {

// A route that needs a token: without one, Parley answers 401.
HttpAnswer AskApi(const ProbeInput& input) {
  return Fetch(input, {.path = ApiPath(input, "conversations/?limit=1")});
}

void CheckApi(const ProbeInput& input, Report& report) {
  const HttpAnswer answer = AskApi(input);
  const std::string code = answer.Problem();
  if (answer.status == 401 && code == "not_authenticated") return;
  Code found = Code::not_parley;
  if (code == "bad_host") found = Code::bad_host;
  if (code == "https_required") found = Code::https_required;
  if (code == "overloaded" || code == "store_unavailable") found = Code::not_ready;
  if (code.empty() && answer.status >= 502 && answer.status <= 504) found = Code::proxy_error;
  report.Add(found, fmt::format("{}: {}", ApiPath(input, "conversations/"), answer.Describe()));
}

// Proxies often do not expose /readyz.
void CheckReady(const ProbeInput& input, Report& report) {
  const HttpAnswer answer = Fetch(input, {.path = "/readyz"});
  const std::string status = JsonText(answer.body, "/status").value_or("");
  if (answer.status == 200 && status == "ready") {
    report.Note("Parley " + JsonText(answer.body, "/version").value_or("?") + " is ready");
  } else if (answer.status == 503 && !status.empty()) {
    report.Add(Code::not_ready, "/readyz: " + status);
  } else {
    report.Note("/readyz is not exposed");
  }
}

}  // namespace

ProbeResult ProbeHttp(const ProbeInput& input) {
  Report report;
  try {
    CheckApi(input, report);
    CheckReady(input, report);
  } catch (const HttpFailure& failure) {
    return Fail(Code::http_failed, failure.what());
  }
  return report.Done();
}

ProbeResult ProbeServerClock(const ProbeInput& input) {
  Report report;
  try {
    const double before = LocalTime();
    const HttpAnswer answer = AskApi(input);
    const time_t theirs = ::curl_getdate(answer.Header("date").c_str(), nullptr);
    if (theirs < 0) return Skip("the response has no Date");
    CompareClocks("the server", static_cast<double>(theirs), before, LocalTime(), 1, report);
  } catch (const HttpFailure& failure) {
    return Fail(Code::http_failed, failure.what());
  }
  return report.Done();
}

}  // namespace parley::doctor
