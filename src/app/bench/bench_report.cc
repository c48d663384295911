#include "app/bench/bench_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/json_writer.h"

namespace parley::bench {
namespace {

using loadgen::Faults, loadgen::Histogram, loadgen::Report;

double Millis(uint64_t micros) { return static_cast<double>(micros) / 1000; }
double AsDouble(uint64_t count) { return static_cast<double>(count); }
double Rate(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}
double PerSecond(uint64_t count, const Report& report) { return Rate(count, report.seconds); }

std::string Latency(std::string_view name, const Histogram& h) {
  return fmt::format(
      "  {:13} p50 {:.2f} ms, p90 {:.2f} ms, p99 {:.2f} ms, p99.9 {:.2f} ms, max {:.2f} ms\n", name,
      Millis(h.Percentile(0.5)), Millis(h.Percentile(0.9)), Millis(h.Percentile(0.99)),
      Millis(h.Percentile(0.999)), Millis(h.max()));
}

void AddLatency(JsonWriter& out, std::string_view name, const Histogram& h) {
  out.Key(name);
  out.Raw(fmt::format(
      R"({{"count":{},"min_ms":{:.3f},"mean_ms":{:.3f},"p50_ms":{:.3f},"p90_ms":{:.3f},"p99_ms":{:.3f},)"
      R"("p99_9_ms":{:.3f},"max_ms":{:.3f}}})",
      h.count(), Millis(h.min()), h.mean() / 1000, Millis(h.Percentile(0.5)),
      Millis(h.Percentile(0.9)), Millis(h.Percentile(0.99)), Millis(h.Percentile(0.999)),
      Millis(h.max())));
}

void AddNumber(JsonWriter& out, std::string_view name, double value) {
  out.Key(name);
  out.Raw(fmt::format("{:.3f}", value));
}

double Sum(const std::map<std::string, double>& cpu) {
  double total = 0;
  for (const auto& [name, seconds] : cpu) total += seconds;
  return total;
}

void AddCpuShare(JsonWriter& out, const Results& results, const Step& step, double seconds) {
  AddNumber(out, "seconds", seconds);
  const uint64_t work = results.work_of(step), deliveries = step.report.delivered;
  if (work > 0)
    AddNumber(out, fmt::format("us_per_{}", results.work_name()), seconds * 1e6 / AsDouble(work));
  if (deliveries > 0) AddNumber(out, "us_per_delivery", seconds * 1e6 / AsDouble(deliveries));
}

void AddCpu(JsonWriter& out, const Results& results, const Step& step) {
  out.Key("cpu");
  out.BeginObject();
  AddCpuShare(out, results, step, Sum(step.cpu));
  out.Key("threads");
  out.BeginObject();
  for (const auto& [name, seconds] : step.cpu) {
    out.Key(name);
    out.BeginObject();
    AddCpuShare(out, results, step, seconds);
    out.EndObject();
  }
  out.EndObject();
  out.EndObject();
}

void AddStep(JsonWriter& out, const Results& results, const Step& step) {
  const Report& report = step.report;
  out.BeginObject();
  AddNumber(out, "rate", step.rate);
  out.Field("kept_up", step.kept_up);
  if (!step.why.empty()) out.Field("why", step.why);
  AddNumber(out, "seconds", report.seconds);
  AddNumber(out, "connect_seconds", report.connect_seconds);
  if (report.resumed > 0) AddNumber(out, "caught_up_seconds", report.caught_up_seconds);
  for (const auto& [name, count] : {std::pair{"sent", report.sent},
                                    {"acked", report.acked},
                                    {"delivered", report.delivered},
                                    {"unsent", report.unsent},
                                    {"duplicates", report.duplicates},
                                    {"bytes", report.bytes},
                                    {"ready", report.ready},
                                    {"resumed", report.resumed},
                                    {"postponed", report.postponed}}) {
    out.Field(name, count);
  }
  AddLatency(out, "delivery", report.delivery);
  AddLatency(out, "ack", report.ack);
  AddLatency(out, "send_delay", report.send_delay);
  AddLatency(out, "connect", report.connect);
  AddLatency(out, "catch_up", report.catch_up);
  if (!report.kinds.empty()) {
    out.Key("kinds");
    out.BeginObject();
    for (const auto& [name, latency] : report.kinds) AddLatency(out, name, latency);
    out.EndObject();
  }
  if (!step.cpu.empty()) AddCpu(out, results, step);
  out.Key("faults");
  out.BeginObject();
  for (const loadgen::FaultRow& row : loadgen::kFaultRows)
    out.Field(row.name, report.faults.*row.count);
  out.EndObject();
  if (!report.first_error.empty()) out.Field("first_error", report.first_error);
  out.Key("timeline");
  out.BeginArray();
  for (const auto& second : report.timeline) {
    out.Raw(fmt::format(
        R"({{"ready":{},"sent":{},"acked":{},"delivered":{},"in_flight":{},"p50_ms":{:.3f},"p99_ms":{:.3f},"max_ms":{:.3f}}})",
        second.ready, second.sent, second.acked, second.delivered, second.in_flight,
        Millis(second.p50), Millis(second.p99), Millis(second.max)));
  }
  out.EndArray();
  out.EndObject();
}

}  // namespace

const Step* Results::best() const {
  const Step* found = nullptr;
  for (const Step& step : steps) {
    if (step.kept_up && (found == nullptr || step.rate > found->rate)) found = &step;
  }
  return found;
}

const Step& Results::shown() const {
  const Step* const found = best();
  return found != nullptr ? *found : steps.back();
}

bool Results::faulty() const {
  return std::ranges::any_of(steps, [](const Step& step) { return step.report.faults.any(); });
}

std::string StepText(const Results& results, const Step& step) {
  const Report& report = step.report;
  const bool acks = report.delivery.count() == 0;
  return fmt::format("  {:>10.0f} {}/s: {:.0f} {}/s, p99 {:.2f} ms{}\n", step.rate, results.unit(),
                     PerSecond(acks ? report.acked : report.delivered, report),
                     acks ? "answers" : "deliveries",
                     Millis((acks ? report.ack : report.delivery).Percentile(0.99)),
                     step.kept_up ? "" : (results.search ? "; failed: " : "; ") + step.why);
}

namespace {

std::string ConnectText(const Results& results, const Report& report) {
  std::string out;
  if (results.work == Work::kResume) {
    out = fmt::format("  {} connections were cut, and ready again after {:.2f} s ({:.0f}/s)\n",
                      report.connect.count(), report.connect_seconds,
                      Rate(report.connect.count(), report.connect_seconds));
    out += fmt::format("  {} of them had all that they missed after {:.2f} s\n",
                       report.catch_up.count(), report.caught_up_seconds);
  } else {
    out = fmt::format("  {} connections ready in {:.2f} s ({:.0f}/s)\n", report.ready,
                      report.connect_seconds, Rate(report.ready, report.connect_seconds));
  }
  if (report.postponed > 0)
    out += fmt::format("  {} connections were asked to come back later\n", report.postponed);
  if (results.resident_connected > results.resident_before) {
    out +=
        fmt::format("  {} bytes of resident memory for each connection\n",
                    (results.resident_connected - results.resident_before) / results.connections);
  }
  return out;
}

// Threads with less than 1 % of the CPU time are not shown.
std::string CpuText(const Results& results, const Step& step) {
  const double total = Sum(step.cpu);
  const uint64_t work = results.work_of(step);
  if (total <= 0 || work == 0 || step.report.seconds <= 0) return "";
  const double each = 1e6 / AsDouble(work);
  std::string out =
      fmt::format("  CPU of the server: {:.1f} us/{}", total * each, results.work_name());
  if (step.report.delivered > 0)
    out += fmt::format(", {:.2f} us/delivery", total * 1e6 / AsDouble(step.report.delivered));
  out += fmt::format(", {:.0f} % of a core\n", 100 * total / step.report.seconds);
  for (const auto& [name, seconds] : step.cpu) {
    if (seconds >= 0.01 * total)
      out += fmt::format("    {:13} {:.1f} us/{}\n", name, seconds * each, results.work_name());
  }
  return out;
}

std::string FaultText(const Report& report) {
  std::string out;
  for (const loadgen::FaultRow& row : loadgen::kFaultRows) {
    const uint64_t count = report.faults.*row.count;
    if (count != 0) out += fmt::format("  FAULT {}: {}\n", row.name, count);
  }
  if (!report.faults.any()) {
    out = report.delivery.count() > 0 ? "  nothing was lost, repeated or reordered\n"
                                      : "  no faults\n";
  }
  if (!report.first_error.empty()) out += "  first error: " + report.first_error + "\n";
  return out;
}

}  // namespace

std::vector<std::pair<std::string, const Histogram*>> ShownLatencies(const Results& results) {
  const Report& report = results.shown().report;
  std::vector<std::pair<std::string, const Histogram*>> out = {{"connect", &report.connect},
                                                               {"catch-up", &report.catch_up}};
  if (results.work != Work::kResume) out.emplace_back("delivery", &report.delivery);
  out.emplace_back(results.over_rest() ? "answer" : "ack", &report.ack);
  for (const auto& [name, latency] : report.kinds) out.emplace_back(name, &latency);
  std::erase_if(out, [](const auto& each) { return each.second->count() == 0; });
  return out;
}

std::string SummaryText(const Results& results, bool with_latencies) {
  const Step& step = results.shown();
  const Report& report = step.report;
  std::string out =
      fmt::format("{}: {} connections, {} rooms of {}, messages of {} bytes\n", results.scenario,
                  results.connections, results.rooms, results.size, results.bytes);
  if (results.interrupted) out += fmt::format("  interrupted after {:.1f} s\n", report.seconds);
  out += ConnectText(results, report);
  if (report.sent > 0) {
    out += fmt::format("  {:.0f} {}/s sent, {:.0f} {}", PerSecond(report.sent, report),
                       results.unit(), PerSecond(report.acked, report),
                       results.over_rest() ? "answered" : "acknowledged");
    out += results.over_rest()
               ? "\n"
               : fmt::format(", {:.0f} deliveries/s\n", PerSecond(report.delivered, report));
  }
  if (report.unsent > 0) {
    out +=
        fmt::format("  {} more {} were due and could not be sent: latencies do not include them\n",
                    report.unsent, results.unit());
  }
  if (with_latencies) {
    for (const auto& [name, latency] : ShownLatencies(results)) out += Latency(name, *latency);
  }
  if (report.send_delay.Percentile(0.99) > 5000) {
    out +=
        fmt::format("  the generator sent late (p99 {:.1f} ms): it is short of CPU (--threads)\n",
                    Millis(report.send_delay.Percentile(0.99)));
  }
  out += CpuText(results, step);
  if (results.search) {
    out += results.best() == nullptr
               ? std::string("  no rate kept p99 under the limit\n")
               : fmt::format("  highest rate kept up with at p99 <= {:g} ms: {:.0f} {}/s\n",
                             results.max_p99_ms, step.rate, results.unit());
  }
  return out + FaultText(results.steps.back().report);
}

std::string ResultsJson(const Results& results) {
  std::string text;
  JsonWriter out(text);
  out.BeginObject();
  out.Field("schema", "parley-bench/1");
  out.Field("version", PARLEY_VERSION);
  out.Field("scenario", results.scenario);
  out.Key("urls");
  out.BeginArray();
  for (const std::string& url : results.urls) out.String(url);
  out.EndArray();
  out.Field("own_server", results.own_server);
  out.Field("rooms", results.rooms);
  out.Field("size", results.size);
  out.Field("connections", results.connections);
  out.Field("content_bytes", results.bytes);
  out.Field("threads", results.threads);
  if (results.own_server) {
    out.Field("resident_before_bytes", results.resident_before);
    out.Field("resident_connected_bytes", results.resident_connected);
  }
  out.Field("search", results.search);
  if (results.search) {
    AddNumber(out, "max_p99_ms", results.max_p99_ms);
    AddNumber(out, "highest_rate", results.best() == nullptr ? 0 : results.best()->rate);
  }
  out.Field("faulty", results.faulty());
  out.Field("interrupted", results.interrupted);
  out.Key("steps");
  out.BeginArray();
  for (const Step& step : results.steps) AddStep(out, results, step);
  out.EndArray();
  out.EndObject();
  return text + "\n";
}

}  // namespace parley::bench
