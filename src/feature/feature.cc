#include "feature/feature.h"

#include <utility>

namespace parley {
namespace {

class Stateless final : public Feature {
 public:
  explicit Stateless(std::function<void(Registry&, Services&)> add) : add_(std::move(add)) {}
  void Register(Registry& registry, Services& services) override { add_(registry, services); }

 private:
  const std::function<void(Registry&, Services&)> add_;
};

}  // namespace

std::unique_ptr<Feature> StatelessFeature(std::function<void(Registry&, Services&)> add) {
  return std::make_unique<Stateless>(std::move(add));
}

}  // namespace parley
