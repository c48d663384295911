// TLS (1.2 and 1.3) on a non-blocking socket, directly with OpenSSL. Asio's stream keeps two 17 KiB
// buffers per connection; this one keeps none while idle (SSL_MODE_RELEASE_BUFFERS).
#pragma once
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/mutex.h"

struct ssl_ctx_st;
struct ssl_st;

namespace parley {

// The certificate, key and settings that all connections share. Threads: any.
class TlsContext {
 public:
  // Loads PEM files; the certificate file includes its chain. Throws std::runtime_error, which names the
  // file.
  TlsContext(const std::string& certificate_file, const std::string& key_file);

  // Loads other files, or the same files again. Open connections keep their certificate. Throws like the
  // constructor, without any change.
  void Reload(const std::string& certificate_file, const std::string& key_file);
  // When the certificate in use expires, in seconds since the Unix epoch.
  int64_t ExpiresAt() const;
  // Creates a session, which the caller frees.
  ssl_st* NewSession() const;

 private:
  using Context = std::shared_ptr<ssl_ctx_st>;
  static Context Load(const std::string& certificate_file, const std::string& key_file);

  mutable Mutex mutex_;
  Context context_ GUARDED_BY(mutex_);
};

// The server side of one connection. Calls return like recv(2) and sendmsg(2): bytes, 0 at the end (Read
// only), or -1 with errno; EAGAIN if the socket must first become readable or writable.
class TlsStream {
 public:
  TlsStream(const TlsContext& context, int fd);
  ~TlsStream();

  ssize_t Read(std::span<char> into);
  // Small parts share a record. After EAGAIN the next call must begin with the same bytes.
  ssize_t Write(std::span<const iovec> parts);
  // The number of bytes that the next Write must repeat, after EAGAIN.
  size_t owed() const { return owed_; }
  // Sends close_notify.
  void Finish();
  // Returns true if decrypted bytes are pending, for which the socket does not become readable.
  bool HasPending() const;

 private:
  ssize_t Outcome(int result);

  ssl_st* ssl_;
  size_t owed_ = 0;
};

}  // namespace parley
