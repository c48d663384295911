// An entry of `auth.issuers`: one text, so that file, environment and flag have the same form.
#pragma once
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace parley {

// "ISSUER ALGORITHM KEYS [AUDIENCE] [service] [prefix=TEXT]"
struct IssuerEntry {
  std::string issuer;       // what `iss` must be
  std::string algorithm;    // one with a public key
  std::string keys;         // a PEM file, a key set file or a key set URL
  std::string audience;     // empty: not checked
  bool service = false;     // its tokens may have the scope messaging:service
  std::string user_prefix;  // put before its user ids; empty: they are taken as they are
};

// The error completes "auth.issuers: holds '…', ".
tl::expected<IssuerEntry, std::string> ParseIssuerEntry(std::string_view text);

}  // namespace parley
