#include "app/bench/local_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "app/doctor/http_client.h"

namespace parley::bench {
namespace {

using namespace std::chrono_literals;

uint16_t FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error("there is not a free port on 127.0.0.1");
  return ntohs(address.sin_port);
}

bool IsReady(const std::string& url) {
  doctor::ProbeInput input;
  input.targets.push_back(doctor::ParseTarget(url).value());
  try {
    return doctor::Fetch(input, {.path = "/readyz"}).status == 200;
  } catch (const doctor::HttpFailure&) {
    return false;
  }
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

LocalServer::LocalServer(const std::string& secret) {
  std::string name = (std::filesystem::temp_directory_path() / "parley-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  directory_ = name;
  port_ = FreePort();
  Start(secret);
  for (int i = 0; i < 400; ++i) {
    if (IsReady(Url())) return;
    if (::waitpid(child_, nullptr, WNOHANG) == child_) {
      child_ = -1;
      break;
    }
    std::this_thread::sleep_for(50ms);
  }
  Stop();
  throw std::runtime_error("the server of the benchmark did not start");
}

// The child has none of the caller's PARLEY_*, DATABASE_URL and REDIS_URL.
void LocalServer::Start(const std::string& secret) {
  const char* path = std::getenv("PATH");
  std::vector<std::string> environment = {"DJANGO_ENV=development", "JWT_SECRET_KEY=" + secret,
                                          std::string("PATH=") + (path == nullptr ? "" : path)};
  std::vector<std::string> words = {"parley",       "serve",
                                    "--host",       "127.0.0.1",
                                    "--port",       std::to_string(port_),
                                    "--data-dir",   (directory_ / "data").string(),
                                    "--access-log", "off",
                                    "--log-level",  "warning"};
  const std::vector<char*> arguments = Pointers(words), variables = Pointers(environment);
  // By its path, so that threads without a name of their own are called "parley", not "exe".
  std::error_code unknown;
  const std::string binary = std::filesystem::read_symlink("/proc/self/exe", unknown).string();
  const pid_t parent = ::getpid();
  child_ = ::fork();
  if (child_ < 0) throw std::runtime_error("cannot start a process");
  if (child_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);  // a Ctrl-C is for the benchmark, which ends the server itself
  if (::getppid() != parent || ::chdir(directory_.c_str()) != 0) ::_exit(127);
  const int null = ::open("/dev/null", O_WRONLY);
  ::dup2(null, STDOUT_FILENO);
  ::execve(binary.c_str(), arguments.data(), variables.data());
  ::execve("/proc/self/exe", arguments.data(), variables.data());
  ::_exit(127);
}

void LocalServer::Stop() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  child_ = -1;
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

LocalServer::~LocalServer() { Stop(); }

uint64_t LocalServer::ResidentBytes() const {
  uint64_t size = 0, resident = 0;
  std::ifstream("/proc/" + std::to_string(child_) + "/statm") >> size >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// schedstat has nanoseconds, and stat has hundredths of a second.
std::map<std::string, uint64_t> LocalServer::CpuNanos() const {
  std::map<std::string, uint64_t> out;
  std::error_code ended;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(child_) + "/task", ended)) {
    std::string name;
    uint64_t nanos = 0;
    if (std::getline(std::ifstream(task.path() / "comm"), name) &&
        std::ifstream(task.path() / "schedstat") >> nanos) {
      out[name] += nanos;
    }
  }
  return out;
}

}  // namespace parley::bench
