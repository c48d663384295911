// Classes of cost that rate limits tell apart. A route's or a command's row names its own.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

namespace parley {

enum class Limit {
  kNone,     // not limited
  kRead,     // answers from the store
  kSend,     // changes something: messages, edits, receipts by REST, titles
  kCreate,   // makes a conversation
  kMembers,  // brings participants into a conversation, one unit each
  kUpload,   // an attachment
  kCommand,  // a command on a socket that is none of these: typing, ping, resume, read marks
  kConnect,  // a WebSocket of a user
  kAddress,  // a WebSocket from an address, before its user is known
};
inline constexpr size_t kLimitCount = 9;
// The label `verb` of rate_limited_total, and the policy's name in RateLimit headers.
inline constexpr std::array<std::string_view, kLimitCount> kLimitNames = {
    "none", "read", "send", "create", "members", "upload", "command", "connect", "address"};

}  // namespace parley
