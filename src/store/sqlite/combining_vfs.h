// A VFS of SQLite that combines the writes to a write-ahead log. SQLite writes each page of a commit with two
// calls of pwrite (a header and the page, https://www.sqlite.org/fileformat2.html#walformat). This VFS collects
// them in memory and writes them when the log is synced, read or truncated, or when 120 kB are waiting.
//
// For connections with PRAGMA synchronous = FULL only: these sync the log before they publish the pages of a
// commit in the shared index, so no other connection ever looks for a page that was not written. A write that
// fails is reported by the sync, and the commit fails.
#pragma once

namespace parley {

// The name of the VFS for sqlite3_open_v2. Registers it at the first call. Threads: any.
const char* CombiningVfs();

}  // namespace parley
