// The addresses of a host.
#pragma once
#include <netdb.h>

#include <memory>
#include <string>

#include "app/doctor/target.h"

namespace parley::doctor {

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

// Resolves the host; `error` is set if the result is null.
Addresses Resolve(const Target& target, std::string& error);
std::string AddressText(const addrinfo& address);
// Returns a connected, blocking socket, or -1 with errno (ETIMEDOUT after the time).
int ConnectTo(const addrinfo& address, int within_millis);

}  // namespace parley::doctor
