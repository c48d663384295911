// The shared store: a PostgreSQL database that several nodes, and Django, may use at once.
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
  bool fsync = true;  // false: a server that may lose what it has answered is taken too
  // Writers of conversations: a thread and a connection each, beside two of other writes.
  size_t writers = 1;
  size_t reader_threads = 2;      // likewise
  size_t queue_writes = 10'000;   // writes that wait; more are refused
  std::chrono::seconds wait{30};  // at start, for a server that is not there yet
  PgTimes times = {};
};

// Connects, refuses unsafe settings, brings the schema up to date (one node at a time). Throws
// std::runtime_error with one line, which holds no password.
std::unique_ptr<Store> OpenPostgresStore(const PostgresOptions& options, const Clock& clock);

// Throws as above.
SchemaState PostgresSchema(const PostgresOptions& options);

}  // namespace parley
