// The program of ./dev instructions, which runs it under callgrind. It starts a node with one shard and the
// embedded store in this process, and repeats one operation of the server, whose cost callgrind records. The
// client and the preparations run on the main thread, which bench/instructions.py leaves out.
//
//   parley_instructions PATH DIRECTORY   the operation, and an empty directory for the data
//   parley_instructions --list           prints the names of the operations
//
// Output: lines "environment NAME VALUE" and "operations N". PARLEY_INSTRUCTIONS_TWICE=PATH executes each
// operation twice, for the test of the guard.
//
// The clock stands still, so that no timer expires: pings, and marks that the server writes in batches, are not
// counted.
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <valgrind/callgrind.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/node.h"
#include "auth/token_fixtures.h"
#include "auth/token_verifier.h"
#include "base/log.h"
#include "bench/blocking_client.h"

namespace parley::bench {
namespace {

constexpr int kUsers = 100;
constexpr std::string_view kConversation = "01900000-0000-7000-8000-000000000001";
constexpr size_t kContentBytes = 128;

#ifdef __clang__
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

// Delivers the results of the store on the store's thread, before the shard runs.
class Inline final : public Executor {
 public:
  void Post(Callback work) override { work(); }
};

struct Path {
  int operations;
  std::function<void()> operation;
  bool by_client =
      true;  // false: the operation is the server's work itself, so not on the main thread
};

// A node in `directory` with one conversation. What clients choose is fixed: ids, names, content.
class Site {
 public:
  explicit Site(const std::string& directory) : key_(Key::Secret("HS256", Secret())) {
    Config config;
    config.env = Deployment::kProduction;
    config.host = "127.0.0.1";
    config.port = 0;
    config.shards = 1;
    config.data_dir = directory;
    config.access_log = false;
    config.allow_plain_http = true;
    config.auth.secret_key = Secret();
    config.rate_limits = true;
    config.rate_limit.sends_burst = config.rate_limit.commands_burst = 1'000'000'000;
    node_ = std::make_unique<Node>(config, clock_);
  }

  void Start() {
    CreateConversation();
    node_->Start();
    const std::string url = node_->Url();
    port_ = static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }

  // `user`: below kUsers.
  BlockingClient Connect(int user) {
    const std::string token = *MintToken(key_, {.user = User(user)}, clock_);
    return {port_, "/ws/messaging/conversations/" + std::string(kConversation) + "/", token};
  }

  // Each is a frame with the next message.
  std::string MessageFrame() {
    return MaskedFrame(fmt::format(
        R"({{"type":"message","ref":"r-{0:09}","client_id":"c-{0:09}","content":"{1}"}})",
        ++messages_, std::string(kContentBytes, 'x')));
  }
  // From the first message on.
  std::string ResumeFrame() const {
    return MaskedFrame(
        fmt::format(R"({{"type":"resume","ref":"r","seqs":{{"{}":0}}}})", kConversation));
  }
  const Clock& clock() const { return clock_; }

 private:
  static std::string Secret() { return std::string(fixtures::kSecret); }
  static std::string User(int index) { return fmt::format("user-{:03}", index); }

  // Of all users.
  void CreateConversation() {
    NewConversation conversation{
        .id = *Uuid::Parse(kConversation), .title = "Instructions", .creator = User(0)};
    for (int i = 0; i < kUsers; ++i) conversation.participants.push_back(User(i));
    std::promise<Result<CreatedConversation>> created;
    Inline executor;
    node_->store().CreateConversation(
        std::move(conversation), executor,
        [&](Result<CreatedConversation> result) { created.set_value(std::move(result)); });
    const auto result = created.get_future().get();
    if (!result) throw std::runtime_error(result.error().detail);
  }

  ManualClock clock_;
  const Key key_;
  std::unique_ptr<Node> node_;
  uint16_t port_ = 0;
  int messages_ = 0;
};

// One message: from the sender's frame to its ack and to the event of each subscriber.
Path SendPath(int operations, Site& site, int subscribers) {
  auto clients = std::make_shared<std::vector<BlockingClient>>();
  for (int i = 0; i < subscribers; ++i) clients->push_back(site.Connect(i));
  return {operations, [clients, &site] {
            BlockingClient& sender = clients->front();
            sender.Send(site.MessageFrame());
            sender.WaitForBoth("ack", "message");
            for (size_t i = 1; i < clients->size(); ++i) (*clients)[i].WaitFor("message");
          }};
}

// One resume by a client that has missed `missed` messages. Memory holds the newest messages; the store
// returns the older ones.
Path ResumePath(int operations, Site& site, int missed) {
  auto client = std::make_shared<BlockingClient>(site.Connect(0));
  for (int i = 0; i < missed; ++i) {
    client->Send(site.MessageFrame());
    client->WaitForBoth("ack", "message");
  }
  return {operations, [client, frame = site.ResumeFrame(), missed] {
            client->Send(frame);
            for (int i = 0; i < missed; ++i) client->WaitFor("message");
            client->WaitFor("resumed");
          }};
}

// One check of a token's signature and claims, as for each request.
Path TokenPath(int operations, Site& site, const std::string& algorithm, std::string_view key,
               std::string_view token) {
  const bool secret = algorithm == "HS256";
  VerifierOptions options{
      .key = std::make_shared<const Key>(secret ? Key::Secret(algorithm, std::string(key))
                                                : Key::Pem(algorithm, std::string(key)))};
  auto verifier = std::make_shared<TokenVerifier>(std::move(options), site.clock());
  return {operations,
          [verifier, token] {
            if (!verifier->Verify(token)) throw std::runtime_error("the token was refused");
          },
          false};
}

// Records the cost of the path's operations, after some that fill caches.
void Record(const Path& path, bool twice) {
  const auto operate = [&] {
    path.operation();
    if (twice) path.operation();
  };
  for (int i = 0; i < path.operations / 5 + 1; ++i) operate();
  CALLGRIND_START_INSTRUMENTATION;
  for (int i = 0; i < path.operations; ++i) operate();
  CALLGRIND_STOP_INSTRUMENTATION;
  printf("operations %d\n", path.operations);
}

void Run(const Path& path, bool twice) {
  if (path.by_client) return Record(path, twice);
  std::packaged_task<void()> record([&] { Record(path, twice); });
  std::thread(std::ref(record)).join();
  record.get_future().get();
}

void PrintEnvironment() {
  printf("environment compiler %s\n", kCompiler);
  printf("environment sqlite %s\n", sqlite3_libversion());
  printf("environment openssl %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
#ifdef __x86_64__
  // Callgrind hides what it cannot simulate, and libraries choose their code by this.
  printf("environment cpu x86_64%s\n", __builtin_cpu_supports("avx2") ? "+avx2" : "");
#else
  printf("environment cpu other\n");
#endif
}

struct Row {
  const char* name;
  std::function<Path(Site& site)> make;
};

const std::vector<Row> kRows = {
    {"send", [](Site& site) { return SendPath(600, site, 2); }},
    {"fanout", [](Site& site) { return SendPath(300, site, kUsers); }},
    {"resume", [](Site& site) { return ResumePath(100, site, 50); }},
    {"resume_from_store", [](Site& site) { return ResumePath(20, site, 500); }},
    {"token_hs256",
     [](Site& site) {
       return TokenPath(200, site, "HS256", fixtures::kSecret, fixtures::kHs256Token);
     }},
    {"token_rs256",
     [](Site& site) {
       return TokenPath(50, site, "RS256", fixtures::kRsaPublicPem, fixtures::kRs256Token);
     }},
    {"token_es256",
     [](Site& site) {
       return TokenPath(50, site, "ES256", fixtures::kP256PublicPem, fixtures::kEs256Token);
     }},
};

int Main(const std::string& directory, const std::string& name) {
  const auto row = std::ranges::find(kRows, name, &Row::name);
  if (row == kRows.end()) throw std::runtime_error("unknown path " + name);
  const char* const twice = std::getenv("PARLEY_INSTRUCTIONS_TWICE");
  log::SetUp({.level = log::Level::warn});
  PrintEnvironment();
  Site site(directory);
  site.Start();
  Run(row->make(site), twice != nullptr && name == twice);
  return 0;
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) try {
  if (argc == 2 && std::string_view(argv[1]) == "--list") {
    for (const auto& row : parley::bench::kRows) printf("%s\n", row.name);
    return 0;
  }
  if (argc != 3) throw std::runtime_error("usage: parley_instructions PATH DIRECTORY | --list");
  return parley::bench::Main(argv[2], argv[1]);
} catch (const std::exception& error) {
  fprintf(stderr, "parley_instructions: %s\n", error.what());
  return 1;
}
