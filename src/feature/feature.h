// A feature of the server: what it keeps for the whole node, its jobs and metrics, and the routes and
// commands that it adds to each shard.
//
// To add one: a folder under feature/, and a line in Node::MakeFeatures.
#pragma once
#include <functional>
#include <memory>

#include "base/metric_families.h"
#include "blob/blob_store.h"
#include "feature/services.h"

namespace parley {

class Feature {
 public:
  virtual ~Feature() = default;
  // Adds its routes and commands to one shard, before the node serves. `services` are the shard's and
  // outlive the rows; so does the feature.
  virtual void Register(Registry& registry, Services& services) = 0;
  // Ten times a second, on the first shard's thread.
  virtual void OnTick(Monotonic /*now*/) {}
  // The rows of its own counters; any thread.
  virtual void AddMetrics(MetricFamilies& /*out*/) const {}
};

// The dependencies of a feature's jobs. `executor`: the first shard, where OnTick runs too. All outlive the
// feature's last call.
struct NodeServices {
  Store& store;
  BlobStore& blobs;
  Executor& executor;
  const Clock& clock;
};

// A feature that keeps nothing for the node.
std::unique_ptr<Feature> StatelessFeature(std::function<void(Registry&, Services&)> add);

}  // namespace parley
