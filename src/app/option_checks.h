// Checks of single values that a kind and a range cannot express. Each returns what is wrong, or
// nothing.
#pragma once
#include <string>

#include "app/config_value.h"

namespace parley {

// A host name, an IPv4 or an IPv6 address (in brackets or not).
std::string CheckHost(const OptionValue& value);
// Addresses, networks in CIDR notation, or `*`.
std::string CheckProxies(const OptionValue& value);
// Paths without a slash at the end; at least one.
std::string CheckApiPrefixes(const OptionValue& value);
// Octal digits, as chmod takes them: 0660.
std::string CheckFileMode(const OptionValue& value);
// Host names, perhaps with a scheme and a port; `.example.com` and `*` too.
std::string CheckAllowedHosts(const OptionValue& value);
// Origins: scheme, host and perhaps a port; or `*` alone.
std::string CheckCorsOrigins(const OptionValue& value);
// As ParseIssuerEntry takes them.
std::string CheckIssuers(const OptionValue& value);
// postgres:// or postgresql://, with a database.
std::string CheckDatabaseUrl(const OptionValue& value);
std::string CheckRedisUrl(const OptionValue& value);
// What fits into sockaddr_un (unix(7)): 107 bytes.
std::string CheckSocketPath(const OptionValue& value);

}  // namespace parley
