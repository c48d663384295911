// The page of `parley bench --html`: figures and charts as inline SVG, without scripts and references.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "app/bench/bench_report.h"

namespace parley::bench {
namespace {

constexpr double kWidth = 640, kHeight = 220, kLeft = 60, kRight = 28, kBottom = 30;

constexpr const char* kColors[] = {"#0b62a4", "#c2410c", "#15803d", "#7e22ce"};

struct Line {
  std::string name, color;
  std::vector<std::pair<double, double>> points;
};

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

// "12,500", or "2.5" for a small number.
std::string AxisLabel(double value) {
  if (value < 1000) return fmt::format("{:.3g}", value);
  std::string out = fmt::format("{:.0f}", value);
  for (auto at = static_cast<std::ptrdiff_t>(out.size()) - 3; at > 0; at -= 3)
    out.insert(static_cast<size_t>(at), ",");
  return out;
}

// The distance of the lines of an axis to `most`: 1, 2 or 5 times a power of ten, 3 to 6 of them.
double AxisStep(double most) {
  const double rough = most / 5, power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power) return factor * power;
  }
  return 10 * power;
}

// A chart from 0 to the greatest value; `ticks` are labels of the horizontal axis.
std::string Chart(const std::string& title, const std::vector<Line>& lines,
                  const std::vector<std::pair<double, std::string>>& ticks) {
  double most_x = 1e-9, most_y = 1e-9;
  for (const Line& line : lines) {
    for (const auto& [x, y] : line.points)
      most_x = std::max(most_x, x), most_y = std::max(most_y, y);
  }
  const double step = AxisStep(most_y);
  most_y = std::ceil(most_y / step - 1e-9) * step;
  const auto at_x = [&](double x) { return kLeft + x / most_x * (kWidth - kLeft - kRight); };
  const auto at_y = [&](double y) { return 10 + (1 - y / most_y) * (kHeight - 10 - kBottom); };
  std::string out = fmt::format("<h2>{}</h2><svg viewBox='0 0 {} {}' role='img' aria-label='{}'>",
                                title, kWidth, kHeight, title);
  for (double y = 0; y <= most_y * 1.001; y += step) {
    out += fmt::format(
        "<line x1='{}' x2='{}' y1='{:.1f}' y2='{:.1f}' stroke='#ddd'/>"
        "<text x='{}' y='{:.1f}' text-anchor='end'>{}</text>",
        kLeft, kWidth - kRight, at_y(y), at_y(y), kLeft - 6, at_y(y) + 4, AxisLabel(y));
  }
  for (const auto& [x, label] : ticks) {
    if (x <= most_x * 1.001)
      out += fmt::format("<text x='{:.1f}' y='{}' text-anchor='middle'>{}</text>", at_x(x),
                         kHeight - 10, label);
  }
  double legend = kLeft + 10;
  for (const Line& line : lines) {
    out += fmt::format("<polyline fill='none' stroke='{}' stroke-width='2' points='", line.color);
    for (const auto& [x, y] : line.points) out += fmt::format("{:.1f},{:.1f} ", at_x(x), at_y(y));
    out += fmt::format("'/><text x='{}' y='22' fill='{}'>{}</text>", legend, line.color, line.name);
    legend += 100;
  }
  return out + "</svg>";
}

// Latency over percentiles: the axis is logarithmic in the share of slower messages.
std::string PercentileChart(const Results& results, const loadgen::Report& report) {
  std::vector<std::pair<std::string, const loadgen::Histogram*>> shown;
  if (results.work == Work::kConnect || results.work == Work::kResume) {
    shown = {{"connect", &report.connect}, {"catch-up", &report.catch_up}};
  } else if (!report.kinds.empty()) {
    for (const auto& [name, latency] : report.kinds) shown.emplace_back(name, &latency);
  } else {
    shown = {{"delivery", &report.delivery}, {"ack", &report.ack}};
  }
  std::erase_if(shown, [](const auto& each) { return each.second->count() == 0; });
  std::vector<Line> lines;
  for (const auto& [name, latency] : shown) {
    Line line{name, kColors[lines.size() % std::size(kColors)], {}};
    for (int i = 0; i <= 40; ++i) {
      const double x = i / 10.0, share = 1 - std::pow(10.0, -x);
      line.points.push_back({x, static_cast<double>(latency->Percentile(share)) / 1000});
    }
    lines.push_back(std::move(line));
  }
  return Chart("Latency by percentile, ms", lines,
               {{0, "0"}, {1, "90 %"}, {2, "99 %"}, {3, "99.9 %"}, {4, "99.99 %"}});
}

// A line over the seconds of the measurement.
Line Over(const loadgen::Report& report, std::string name, size_t color,
          uint64_t loadgen::Second::* value, double unit = 1) {
  Line line{std::move(name), kColors[color], {}};
  for (size_t i = 0; i < report.timeline.size(); ++i) {
    line.points.push_back(
        {static_cast<double>(i), static_cast<double>(report.timeline[i].*value) / unit});
  }
  return line;
}

std::string TimeCharts(const Results& results, const loadgen::Report& report) {
  using loadgen::Second;
  std::vector<std::pair<double, std::string>> ticks;
  const size_t count = report.timeline.size(), stride = std::max<size_t>(1, count / 10);
  for (size_t i = 0; i < count; i += stride)
    ticks.push_back({static_cast<double>(i), std::to_string(i + 1) + " s"});
  std::string out;
  if (results.work == Work::kConnect || results.work == Work::kResume)
    out += Chart("Connections over time", {Over(report, "ready", 0, &Second::ready)}, ticks);
  if (results.work == Work::kConnect) return out;
  if (results.over_rest()) {
    return Chart("Throughput over time",
                 {Over(report, "answers/s", 0, &Second::acked),
                  Over(report, "requests/s", 1, &Second::sent)},
                 ticks);
  }
  out += Chart("Throughput over time",
               {Over(report, "deliveries/s", 0, &Second::delivered),
                Over(report, "messages/s", 1, &Second::sent)},
               ticks);
  return out + Chart("Latency of deliveries over time, ms",
                     {Over(report, "p50", 0, &Second::p50, 1000),
                      Over(report, "p99", 1, &Second::p99, 1000)},
                     ticks);
}

}  // namespace

namespace {

std::string LatencyTable(const Results& results) {
  std::string out =
      "<div class='wide'><table><tr><th>latency, ms<th>p50<th>p90<th>p99<th>p99.9<th>max";
  for (const auto& [name, latency] : ShownLatencies(results)) {
    out += "<tr><td>" + Escaped(name);
    for (const double share : {0.5, 0.9, 0.99, 0.999, 1.0})
      out += fmt::format("<td>{:.2f}", static_cast<double>(latency->Percentile(share)) / 1000);
  }
  return out + "</table></div>";
}

}  // namespace

std::string ResultsHtml(const Results& results) {
  std::string out =
      "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' "
      "content='width=device-width'><title>parley bench</title><style>"
      "body{font:15px system-ui,sans-serif;max-width:720px;margin:2em auto;padding:0 "
      "1em;color:#222}"
      "svg{width:100%;font-size:11px}h2{font-size:1.1em}"
      "pre{background:#f4f4f4;padding:1em;font-size:13px;white-space:pre-wrap;overflow-wrap:"
      "anywhere}"
      ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}"
      "th,td{padding:.3em .6em;text-align:right;border-bottom:1px solid #ddd}"
      "th:first-child,td:first-child{text-align:left}"
      "</style><h1>parley bench " +
      Escaped(results.scenario) + "</h1><pre>" + Escaped(SummaryText(results, false)) + "</pre>" +
      LatencyTable(results);
  if (results.search) {
    out += "<h2>Steps of the search</h2><pre>";
    for (const Step& step : results.steps) out += Escaped(StepText(results, step));
    out += "</pre>";
  }
  const Step& step = results.shown();
  return out + PercentileChart(results, step.report) + TimeCharts(results, step.report) +
         "</html>\n";
}

}  // namespace parley::bench
