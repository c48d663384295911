// The tables that a copy of a store contains, each after the tables that it references. Of the access log only the
// last day is kept, for nodes that are running; of parley_meta a copy needs single values.
#pragma once
#include <array>

namespace parley {

inline constexpr std::array kCopiedTables = {"messaging_conversation",
                                             "messaging_conversation_participant",
                                             "messaging_message",
                                             "parley_change",
                                             "messaging_attachment",
                                             "parley_removed_file",
                                             "parley_seen",
                                             "parley_revocation"};

}  // namespace parley
