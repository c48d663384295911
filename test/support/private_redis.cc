#include "test/support/private_redis.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace parley::test {
namespace {

namespace fs = std::filesystem;
// ./dev redis6 sets the variable.
const char* Program() {
  const char* const chosen = std::getenv("PARLEY_REDIS_SERVER");
  return chosen != nullptr ? chosen : "/usr/bin/redis-server";
}

// Whether a server accepts connections at the socket. (The file exists a moment earlier.)
bool Accepts(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool accepted =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return accepted;
}

}  // namespace

bool PrivateRedis::Installed() { return fs::exists(Program()); }

PrivateRedis::PrivateRedis() {
  std::string text = (fs::temp_directory_path() / "parley-redis-XXXXXX").string();
  if (::mkdtemp(text.data()) == nullptr) throw std::runtime_error("no scratch directory");
  directory_ = text;
  const std::string log = directory_ / "log", at = socket();
  const char* const program = Program();
  process_ = ::fork();
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execl(program, program, "--port", "0", "--unixsocket", at.c_str(), "--save", "",
            "--appendonly", "no", "--dir", directory_.c_str(), nullptr);
    ::_exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!Accepts(at)) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("see " + log);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

PrivateRedis::~PrivateRedis() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

}  // namespace parley::test
