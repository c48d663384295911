// TLS (1.2 and 1.3) on a non-blocking socket, straight on OpenSSL: Asio's stream keeps two 17 KiB
// buffers for each connection, this one none while idle (SSL_MODE_RELEASE_BUFFERS).
#pragma once
#include <sys/types.h>
#include <sys/uio.h>

#include <memory>
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
  ~TlsContext();
  ssl_ctx_st* get() const { return context_; }

 private:
  ssl_ctx_st* context_;
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
  // Says that no more will be written (close_notify).
  void Finish();
  // Bytes that are decrypted and not read: the socket will not become readable for them.
  bool HasPending() const;

 private:
  ssize_t Outcome(int result);

  ssl_st* ssl_;
};

}  // namespace parley
