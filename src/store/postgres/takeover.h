// Takes over a PostgreSQL database that the guide's Django system made, while that system continues to read and
// write: adds Parley's columns, indexes, tables and triggers, numbers the messages in small batches, and can
// remove all of it again. Every step can be repeated: a takeover that was killed continues where it stopped.
#pragma once
#include <iosfwd>

#include "base/clock.h"
#include "store/postgres/open_postgres.h"

namespace parley {

enum class TakeoverState {
  kNone,      // the database is empty, or Parley made it
  kPossible,  // it has the messaging tables of another system
  kBegun,     // a takeover has begun and is not complete
  kComplete,
};

// All functions throw std::runtime_error with one line, without a password, if the database cannot be used.
TakeoverState FindTakeover(const PostgresOptions& options);
// Prints the changes that TakeOver would make. Throws if the tables differ from the guide's, naming the
// differences.
void PlanTakeover(const PostgresOptions& options, std::ostream& out);
// One process at a time.
void TakeOver(const PostgresOptions& options, const Clock& clock, std::ostream& out);
// Removes what a takeover added, and the messages and conversations that Parley's users deleted. Throws if a
// server uses the database, or if it was not taken over.
void UndoTakeover(const PostgresOptions& options, std::ostream& out);
// Prints what UndoTakeover would remove.
void PlanUndo(const PostgresOptions& options, std::ostream& out);

}  // namespace parley
