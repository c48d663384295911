#include "test/support/private_postgres.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "store/postgres/pg_connection.h"

namespace parley::test {
namespace {

namespace fs = std::filesystem;

// The newest version of Debian's packages.
fs::path ProgramDirectory() {
  fs::path newest;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    if (fs::exists(entry.path() / "bin/postgres")) newest = std::max(newest, entry.path() / "bin");
  }
  return newest;
}

// PostgreSQL refuses to run as root: use the package's user, or else nobody.
const passwd* Unprivileged() {
  if (::geteuid() != 0) return nullptr;
  const passwd* user = ::getpwnam("postgres");
  return user != nullptr ? user : ::getpwnam("nobody");
}

// Starts a program that ends with this process.
pid_t Spawn(const std::vector<std::string>& command, const fs::path& log) {
  const passwd* user = Unprivileged();
  const uid_t uid = user == nullptr ? 0 : user->pw_uid;
  const gid_t gid = user == nullptr ? 0 : user->pw_gid;
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (user != nullptr && (::setgid(gid) != 0 || ::setuid(uid) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after the change of the user id, which clears it
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

void RunToEnd(const std::vector<std::string>& command, const fs::path& log) {
  int status = 0;
  if (::waitpid(Spawn(command, log), &status, 0) < 0 || status != 0) {
    throw std::runtime_error(command[0] + " failed, see " + log.string());
  }
}

}  // namespace

bool PrivatePostgres::Installed() { return !ProgramDirectory().empty(); }

PrivatePostgres& PrivatePostgres::Get() {
  static PrivatePostgres server;
  return server;
}

PrivatePostgres::PrivatePostgres() {
  std::string text = (fs::temp_directory_path() / "parley-pg-XXXXXX").string();
  if (::mkdtemp(text.data()) == nullptr) throw std::runtime_error("no scratch directory");
  directory_ = text;
  if (const passwd* user = Unprivileged()) {
    if (::chown(directory_.c_str(), user->pw_uid, user->pw_gid) != 0) {
      throw std::runtime_error("cannot give away " + directory_.string());
    }
  }
  Start();
}

void PrivatePostgres::Start() {
  const fs::path programs = ProgramDirectory();
  if (programs.empty()) throw std::runtime_error("PostgreSQL is not installed");
  const fs::path log = directory_ / "log", data = directory_ / "data";
  RunToEnd({programs / "initdb", "--pgdata=" + data.string(), "--username=parley", "--auth=trust",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"},
           log);
  pid_ = Spawn({programs / "postgres", "-D", data, "-k", directory_, "-c",
                "listen_addresses=", "-c", "max_connections=100", "-c", "shared_buffers=64MB"},
               log);
  for (int i = 0; i < 300; ++i) {
    try {
      PgConnection(UrlOf("postgres"), {});
      return;
    } catch (const StoreFailure&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  throw std::runtime_error("PostgreSQL did not start, see " + log.string());
}

PrivatePostgres::~PrivatePostgres() {
  if (pid_ > 0) {
    ::kill(pid_, SIGQUIT);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

std::string PrivatePostgres::UrlOf(const std::string& name) const {
  return "postgres://parley@/" + name + "?host=" + directory_.string();
}

std::string PrivatePostgres::Database(const std::string& name) {
  PgConnection connection(UrlOf("postgres"), {});
  const PgResult there =
      connection.Execute("SELECT 1 FROM pg_database WHERE datname = '" + name + "'");
  if (::PQntuples(there.get()) == 0) connection.Execute("CREATE DATABASE " + name);
  return UrlOf(name);
}

}  // namespace parley::test
