// The classes of operations with separate rate limits. The row of a route or command names its class.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

namespace parley {

// Nodes exchange the numbers: append new classes at the end.
enum class Limit {
  kNone,     // not limited
  kRead,     // reads from the store
  kSend,     // changes something: messages, edits, receipts by REST, titles
  kCreate,   // creates a conversation
  kMembers,  // adds participants, one unit each
  kUpload,   // an attachment
  kCommand,  // other socket commands: typing, ping, resume, read marks
  kConnect,  // opens a WebSocket, per user
  kAddress,  // opens a WebSocket, per address, before authentication
};
inline constexpr size_t kLimitCount = 9;
// The label `verb` of rate_limited_total, and the policy's name in RateLimit headers.
inline constexpr std::array<std::string_view, kLimitCount> kLimitNames = {
    "none", "read", "send", "create", "members", "upload", "command", "connect", "address"};

}  // namespace parley
