// TLS on the client's side of a load, over non-blocking sockets. Threads: a context may be shared, a connection
// may not.
#pragma once
#include <openssl/ssl.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "loadgen/member.h"

namespace parley::loadgen {

using TlsContext = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;
// `ca_file`: PEM file of the authorities to trust; empty: the system's. Errors: std::runtime_error.
TlsContext MakeTlsContext(const std::string& ca_file);

// Verifies the certificate for the endpoint's name.
class TlsConnection {
 public:
  TlsConnection(SSL_CTX* context, int fd, const Endpoint& endpoint);

  // 1 once the handshake is complete; the others do it too. Errors: as of Read.
  ssize_t Handshake();
  // As recv and send. Errors: -1; EAGAIN in errno if the socket is not ready, otherwise EIO.
  ssize_t Read(char* into, size_t size);
  ssize_t Write(std::string_view bytes);
  // True if the last call waits for the socket to be writable.
  bool wants_to_write() const { return SSL_want_write(ssl_.get()); }
  // Why the last call failed; empty if it did not.
  const std::string& error() const { return error_; }

 private:
  ssize_t Result(int result);

  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  std::string error_;
};

}  // namespace parley::loadgen
