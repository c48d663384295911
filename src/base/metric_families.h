// Metrics as /metrics shows them: one row for each, with its name (without "parley_"), its help text and
// its values. A module adds the rows of its own counters in AddMetrics (hub/hub_metrics.cc).
//
// Names and units: https://prometheus.io/docs/practices/naming/ (counters end in _total, times are in
// seconds).
#pragma once
#include <prometheus/metric_family.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"

namespace parley {

class MetricFamilies {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;
  struct Value {
    Labels labels;
    double value = 0;
  };

  void AddCounter(const char* name, const char* help, uint64_t value);
  void AddCounters(const char* name, const char* help, const std::vector<Value>& values);
  void AddGauge(const char* name, const char* help, double value);
  void AddGauges(const char* name, const char* help, const std::vector<Value>& values);
  // The number of observations, and their sum.
  void AddSummary(const char* name, const char* help, uint64_t count, double sum);
  void AddHistogram(const char* name, const char* help, const Histogram& times);
  // `each(add)` calls add(labels, histogram) for each of the family.
  template <class Each>
  void AddHistograms(const char* name, const char* help, Each each) {
    prometheus::MetricFamily& family = Add(name, help, prometheus::MetricType::Histogram);
    each([&](const Labels& labels, const Histogram& times) {
      family.metric.push_back(WithLabels(labels, Buckets(times)));
    });
  }

  // Prometheus' text format, version 0.0.4.
  std::string Text() const;

 private:
  prometheus::MetricFamily& Add(const char* name, const char* help, prometheus::MetricType type);
  static prometheus::ClientMetric Buckets(const Histogram& times);
  static prometheus::ClientMetric WithLabels(const Labels& labels, prometheus::ClientMetric metric);

  std::vector<prometheus::MetricFamily> families_;
};

// Adds the rows of a module when /metrics is read; any thread.
using MetricsSource = std::function<void(MetricFamilies&)>;

}  // namespace parley
