// The shared store: a PostgreSQL database that several nodes and Django can use at the same time.
#pragma once
#include <memory>
#include <string>

#include "base/clock.h"
#include "store/postgres/pg_connection.h"
#include "store/schema.h"
#include "store/store.h"

namespace parley {

struct PostgresOptions {
  std::string url;    // postgres://user:password@host:port/database?…
  bool fsync = true;  // false: also accept a server that may lose committed transactions
  // Lanes for conversations, each with a thread and a connection, in addition to two for other writes.
  size_t writers = 1;
  size_t reader_threads = 2;      // each with a connection
  size_t queue_writes = 10'000;   // maximum queued writes; more are refused
  std::chrono::seconds wait{30};  // at start, for a server that is not reachable yet
  PgTimes times = {};
};

// Connects, refuses unsafe settings, and migrates the schema (one node at a time). Throws
// std::runtime_error with one line, which contains no password.
std::unique_ptr<Store> OpenPostgresStore(const PostgresOptions& options, const Clock& clock);

// Connects, and refuses unsafe settings. Throws as above.
void CheckPostgres(const PostgresOptions& options);
// Throws as above.
SchemaState PostgresSchema(const PostgresOptions& options);

}  // namespace parley
