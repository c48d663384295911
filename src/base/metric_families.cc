#include "base/metric_families.h"

#include <prometheus/text_serializer.h>

#include <limits>

namespace parley {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

void MetricFamilies::AddCounter(const char* name, const char* help, uint64_t value) {
  AddCounters(name, help, {{{}, static_cast<double>(value)}});
}

void MetricFamilies::AddCounters(const char* name, const char* help,
                                 const std::vector<Value>& values) {
  MetricFamily& family = Add(name, help, MetricType::Counter);
  for (const auto& [labels, value] : values) {
    ClientMetric metric;
    metric.counter.value = value;
    family.metric.push_back(WithLabels(labels, std::move(metric)));
  }
}

void MetricFamilies::AddGauge(const char* name, const char* help, double value) {
  AddGauges(name, help, {{{}, value}});
}

void MetricFamilies::AddGauges(const char* name, const char* help,
                               const std::vector<Value>& values) {
  MetricFamily& family = Add(name, help, MetricType::Gauge);
  for (const auto& [labels, value] : values) {
    ClientMetric metric;
    metric.gauge.value = value;
    family.metric.push_back(WithLabels(labels, std::move(metric)));
  }
}

void MetricFamilies::AddSummary(const char* name, const char* help, uint64_t count, double sum) {
  ClientMetric metric;
  metric.summary.sample_count = count;
  metric.summary.sample_sum = sum;
  Add(name, help, MetricType::Summary).metric.push_back(std::move(metric));
}

void MetricFamilies::AddHistogram(const char* name, const char* help, const Histogram& times) {
  Add(name, help, MetricType::Histogram).metric.push_back(Buckets(times));
}

std::string MetricFamilies::Text() const {
  return prometheus::TextSerializer().Serialize(families_);
}

MetricFamily& MetricFamilies::Add(const char* name, const char* help, MetricType type) {
  families_.push_back({std::string("parley_") + name, help, type, {}});
  return families_.back();
}

ClientMetric MetricFamilies::Buckets(const Histogram& times) {
  ClientMetric metric;
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    metric.histogram.sample_count += times.count(i);
    const bool last = i + 1 == Histogram::kBuckets;
    metric.histogram.bucket.push_back(
        {metric.histogram.sample_count,
         last ? std::numeric_limits<double>::infinity() : Histogram::UpperSeconds(i)});
  }
  metric.histogram.sample_sum = times.sum_seconds();
  return metric;
}

ClientMetric MetricFamilies::WithLabels(const Labels& labels, ClientMetric metric) {
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  return metric;
}

}  // namespace parley
