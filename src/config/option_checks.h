// Checks of single values that kind and range cannot express. Each returns an error text, or an empty
// string.
#pragma once
#include <string>

#include "config/config_value.h"

namespace parley {

// A host name, an IPv4 or an IPv6 address (in brackets or not).
std::string CheckHost(const OptionValue& value);
// Addresses, networks in CIDR notation, or `*`.
std::string CheckProxies(const OptionValue& value);
// Paths without a trailing slash; at least one.
std::string CheckApiPrefixes(const OptionValue& value);
// Octal digits, as for chmod: 0660.
std::string CheckFileMode(const OptionValue& value);
// Host names, optionally with scheme and port; `.example.com` and `*`.
std::string CheckAllowedHosts(const OptionValue& value);
// Origins (scheme, host and optional port), or only `*`.
std::string CheckCorsOrigins(const OptionValue& value);
// Entries in the format of ParseIssuerEntry.
std::string CheckIssuers(const OptionValue& value);
// postgres:// or postgresql://, with a database.
std::string CheckDatabaseUrl(const OptionValue& value);
std::string CheckRedisUrl(const OptionValue& value);
// See config/channel_layer_entry.h.
std::string CheckChannelLayerBackend(const OptionValue& value);
std::string CheckChannelLayerHosts(const OptionValue& value);
std::string CheckChannelLayerPrefix(const OptionValue& value);
std::string CheckCachePrefix(const OptionValue& value);
std::string CheckCacheCompressor(const OptionValue& value);
std::string CheckChannelCapacity(const OptionValue& value);
// Paths that fit into sockaddr_un (unix(7)): at most 107 bytes.
std::string CheckSocketPath(const OptionValue& value);

}  // namespace parley
