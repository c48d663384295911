// An entry of `auth.issuers`: one string, so that file, environment and flag have the same format.
#pragma once
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace parley {

// "ISSUER ALGORITHM KEYS [AUDIENCE] [service] [prefix=TEXT]"
struct IssuerEntry {
  std::string issuer;       // the required `iss`
  std::string algorithm;    // an algorithm with a public key
  std::string keys;         // a PEM file, a key set file or a key set URL
  std::string audience;     // empty: not checked
  bool service = false;     // its tokens can have the scope messaging:service
  std::string user_prefix;  // prepended to its user ids; empty: no prefix
};

// The error follows "auth.issuers: " in a message.
tl::expected<IssuerEntry, std::string> ParseIssuerEntry(std::string_view text);

}  // namespace parley
