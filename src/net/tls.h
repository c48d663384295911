// TLS (1.2 and 1.3) on a non-blocking socket, straight on OpenSSL: Asio's stream keeps two 17 KiB
// buffers for each connection, this one none while idle (SSL_MODE_RELEASE_BUFFERS).
#pragma once
#include <sys/types.h>
#include <sys/uio.h>

#include <memory>
#include <mutex>
#include <span>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace parley {

// Certificate, key and settings that all connections share. Thread-safe.
class TlsContext {
 public:
  // PEM files; the certificate's with its chain. Throws std::runtime_error naming the file.
  TlsContext(const std::string& certificate_file, const std::string& key_file);

  // Other files, or the same read again. Connections that are open keep what they began with. Throws
  // as the constructor, and then nothing has changed.
  void Reload(const std::string& certificate_file, const std::string& key_file);
  // A new session, which the caller frees.
  ssl_st* NewSession() const;

 private:
  using Context = std::shared_ptr<ssl_ctx_st>;
  static Context Load(const std::string& certificate_file, const std::string& key_file);

  mutable std::mutex mutex_;
  Context context_;  // guarded by mutex_
};

// The server's side of one connection. As recv(2) and sendmsg(2): bytes, 0 at the end, or -1 with
// errno; EAGAIN when the socket must become readable or writable first, whichever it is.
class TlsStream {
 public:
  TlsStream(const TlsContext& context, int fd);
  ~TlsStream();

  ssize_t Read(std::span<char> into);
  // Small parts share a record. After EAGAIN the next call must begin with the same bytes.
  ssize_t Write(std::span<const iovec> parts);
  // How many bytes the next Write must begin with: those that EAGAIN met.
  size_t owed() const { return owed_; }
  // Says that no more will be written (close_notify).
  void Finish();
  // Bytes that are decrypted and not read: the socket will not become readable for them.
  bool HasPending() const;

 private:
  ssize_t Outcome(int result);

  ssl_st* ssl_;
  size_t owed_ = 0;
};

}  // namespace parley
