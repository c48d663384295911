// The name of a URL, and the connection to each of its addresses.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "app/doctor/addresses.h"
#include "app/doctor/measure.h"
#include "app/doctor/probe.h"

namespace parley::doctor {
namespace {

constexpr int kTcpConnectMillis = 3'000;
constexpr int kMostAddresses = 5;

}  // namespace

Addresses Resolve(const Target& target, std::string& error) {
  const addrinfo hints{.ai_flags = 0, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const int code =
      ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &found);
  if (code != 0) error = ::gai_strerror(code);
  return {found, [](addrinfo* list) {
            if (list != nullptr) ::freeaddrinfo(list);
          }};
}

std::string AddressText(const addrinfo& address) {
  char host[NI_MAXHOST] = "?";
  ::getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return host;
}

int ConnectTo(const addrinfo& address, int within_millis) {
  const int fd = ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                          address.ai_protocol);
  if (fd < 0) return -1;
  int error = 0;
  if (::connect(fd, address.ai_addr, address.ai_addrlen) != 0) error = errno;
  if (error == EINPROGRESS) {
    pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
    error = ETIMEDOUT;
    if (::poll(&wait, 1, within_millis) > 0) {
      socklen_t size = sizeof error;
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  if (error == 0) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
  }
  ::close(fd);
  errno = error;
  return -1;
}

ProbeResult ProbeDns(const ProbeInput& input) {
  Report report;
  std::string error, texts;
  const Addresses found = Resolve(input.url(), error);
  if (!found) return Fail(Code::dns_failed, input.url().host + ": " + error);
  for (const addrinfo* each = found.get(); each != nullptr; each = each->ai_next) {
    texts += (texts.empty() ? "" : ", ") + AddressText(*each);
  }
  report.Note(input.url().host + " is " + texts);
  return report.Done();
}

ProbeResult ProbeTcp(const ProbeInput& input) {
  Report report;
  std::string error, failures;
  const Addresses found = Resolve(input.url(), error);
  if (!found) return Fail(Code::dns_failed, input.url().host + ": " + error);
  bool connected = false, timed_out = false, all_loopback = true;
  int count = 0;
  for (const addrinfo* each = found.get(); each != nullptr && count < kMostAddresses;
       each = each->ai_next, ++count) {
    const std::string text = AddressText(*each);
    all_loopback &= text == "::1" || text.starts_with("127.");
    int fd = -1, number = 0;
    const double millis = MedianMillis(1, Millis(0), [&] {
      fd = ConnectTo(*each, kTcpConnectMillis);
      number = errno;
    });
    if (fd >= 0) {
      connected = true;
      ::close(fd);
      report.Note(text + " accepts after " + MillisText(millis));
      continue;
    }
    timed_out |= number == ETIMEDOUT;
    failures += fmt::format("{}{} port {}: {}", failures.empty() ? "" : ", ", text,
                            input.url().port, std::strerror(number));
  }
  if (!connected) report.Add(timed_out ? Code::tcp_timeout : Code::tcp_refused, failures);
  // localhost is also ::1, on which servers often do not listen.
  if (connected && !failures.empty() && !all_loopback) report.Add(Code::tcp_partial, failures);
  return report.Done();
}

}  // namespace parley::doctor
