// A node's part of Django's channel layer as a process: reads commands from standard input and writes
// what it receives to standard output, one JSON object per line.
//
//   {"do":"subscribe"|"unsubscribe","conversation":ID}     {"do":"subscribe_user","user":ID}
//   {"do":"publish","conversation":ID,"event":{…}}         {"do":"publish_to_user","user":ID,"event":{…}}
//   {"do":"typing","conversation":ID,"user":ID,"is_typing":true}
//   {"do":"congest","on":true}                             {"do":"metrics"}
//
// Events are written as {"event":{…},"to_user":ID}; metrics as {"metrics":"<text format>"}. The end of
// the input stops the node.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/log.h"
#include "base/mutex.h"
#include "django/django_bridge.h"
#include "django/json_text.h"
#include "django/layer_metrics.h"
#include "django/node_identity.h"
#include "protocol/events.h"

namespace {

using namespace parley;
using namespace parley::django;

void Print(std::string line) {
  static Mutex mutex;
  const MutexLock lock(mutex);
  std::cout << line << std::endl;
}

class Printer final : public DjangoReceiver {
 public:
  void OnDjangoEvent(DjangoEvent event) override {
    Value line = Value::Object();
    line.Set("event", ParseJson(event.json).value());
    line.Set("to_user", Value::String(event.to_user));
    Print(JsonOf(line));
  }
  bool Congested() const override { return congested; }

  std::atomic<bool> congested{false};
};

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "parley_layer_probe: " << what << std::endl;
  std::exit(2);
}

// A wall clock that is wrong.
class WrongClock final : public Clock {
 public:
  explicit WrongClock(std::chrono::seconds ahead) : ahead_(ahead) {}
  Timestamp Now() const override { return {right_.Now().micros + Duration(ahead_).count()}; }
  Monotonic Steady() const override { return right_.Steady(); }

 private:
  const SystemClock right_;
  const std::chrono::seconds ahead_;
};

struct Arguments {
  DjangoBridge::Options options;
  std::string directory = "/nonexistent";
  std::chrono::seconds clock_ahead{0};
};

Arguments Parse(int count, char** words) {
  Arguments out;
  LayerOptions& layer = out.options.layer;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = words[i], value = words[i + 1];
    if (name == "--backend") {
      layer.backend =
          value == "pubsub" ? LayerOptions::Backend::kPubSub : LayerOptions::Backend::kCore;
    } else if (name == "--host") {
      const auto address = ParseRedisUrl(value);
      if (!address) Fail(value + " " + address.error());
      layer.hosts.push_back(*address);
    } else if (name == "--prefix") {
      layer.prefix = value;
    } else if (name == "--key") {
      layer.encryption_keys.push_back(value);
    } else if (name == "--serializer") {
      layer.serializer = value == "json" ? Serializer::kJson : Serializer::kMsgpack;
    } else if (name == "--random-prefix-length") {
      layer.random_prefix_length = std::stoul(value);
    } else if (name == "--capacity") {
      layer.capacities.otherwise = std::stoi(value);
    } else if (name == "--expiry") {
      layer.expiry = std::chrono::seconds(std::stoi(value));
    } else if (name == "--group-expiry") {
      layer.group_expiry = std::chrono::seconds(std::stoi(value));
    } else if (name == "--allow") {
      out.options.application_events.push_back(value);
    } else if (name == "--clock-ahead") {
      out.clock_ahead = std::chrono::seconds(std::stoi(value));
    } else if (name == "--directory") {
      out.directory = value;
    } else {
      Fail("unknown option " + name);
    }
  }
  return out;
}

std::shared_ptr<const std::string> Json(const Value* value) {
  return std::make_shared<const std::string>(value == nullptr ? "" : JsonOf(*value));
}

void Run(DjangoBridge& bridge, Printer& printer, const LayerCounters& counters,
         const Value& command) {
  const std::string what(command.TextAt("do").value_or(""));
  const Uuid conversation =
      Uuid::Parse(command.TextAt("conversation").value_or("")).value_or(Uuid{});
  const UserId user(command.TextAt("user").value_or(""));
  const auto is = [&](const char* name) {
    const Value* const flag = command.Find(name);
    return flag != nullptr && flag->flag();
  };
  if (what == "subscribe") {
    bridge.Subscribe(conversation);
  } else if (what == "unsubscribe") {
    bridge.Unsubscribe(conversation);
  } else if (what == "subscribe_user") {
    bridge.SubscribeUser(user);
  } else if (what == "publish") {
    bridge.Publish(conversation, Json(command.Find("event")));
  } else if (what == "publish_to_user") {
    bridge.PublishToUser(user, Json(command.Find("event")));
  } else if (what == "typing") {
    const EventRef event = TypingEvent(conversation, user, is("is_typing"));
    bridge.Publish(conversation, {event, &event->json});
  } else if (what == "congest") {
    printer.congested = is("on");
  } else if (what == "metrics") {
    MetricFamilies families;
    AddMetrics(counters, families);
    Value line = Value::Object();
    line.Set("metrics", Value::String(families.Text()));
    Print(JsonOf(line));
  } else {
    Fail("unknown command " + what);
  }
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments = Parse(count, words);
  log::SetUp({.level = log::Level::debug});
  const NodeIdentity identity(arguments.directory);
  arguments.options.layer.node = identity.hex();
  const WrongClock clock(arguments.clock_ahead);
  LayerCounters counters;
  Printer printer;
  DjangoBridge bridge(arguments.options, clock, counters);
  bridge.Start(printer);
  for (std::string line; std::getline(std::cin, line);) {
    const auto command = ParseJson(line);
    if (!command) Fail("not JSON: " + line);
    Run(bridge, printer, counters, *command);
  }
  printer.congested = false;
  bridge.Stop();
  log::Flush(std::chrono::seconds(1));
}
