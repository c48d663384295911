#include "blob/file_type.h"

#include <magic.h>

#include <stdexcept>

namespace parley {
namespace {

// A database is for one thread at a time. Checks only signatures: nothing is unpacked.
class Database {
 public:
  Database()
      : cookie_(::magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |
                             MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_CDF)) {
    if (cookie_ == nullptr || ::magic_load(cookie_, nullptr) != 0) {
      throw std::runtime_error("cannot load libmagic's file type database");
    }
  }
  ~Database() { ::magic_close(cookie_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  std::string TypeOf(std::string_view head) const {
    const char* type = ::magic_buffer(cookie_, head.data(), head.size());
    return type == nullptr ? "application/octet-stream" : type;
  }

 private:
  ::magic_t cookie_;
};

}  // namespace

std::string TypeOfContent(std::string_view head) {
  thread_local const Database database;
  return database.TypeOf(head);
}

}  // namespace parley
