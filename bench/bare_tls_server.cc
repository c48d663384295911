// The limit for idle TLS connections: one OpenSSL object each, with the settings of net/tls.cc, and nothing else.
// Answers one request of each connection with 101 and keeps the connection. Takes one handshake at a time.
//
//   bare_tls_server PORT CERTIFICATE KEY
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "bench/loopback.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_use_certificate_chain_file(context, argv[2]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM) != 1) {
    std::fprintf(stderr, "the certificate cannot be used\n");
    return 1;
  }
  const int listener = parley::bench::ListenOnLoopback(argv[1], 0, 128);
  if (listener < 0) return 1;
  constexpr std::string_view kAnswer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  while (true) {
    SSL* const ssl = SSL_new(context);
    SSL_set_fd(ssl, ::accept(listener, nullptr, nullptr));
    if (SSL_accept(ssl) != 1) continue;
    std::string request(4096, '\0');
    SSL_read(ssl, request.data(), static_cast<int>(request.size()));
    SSL_write(ssl, kAnswer.data(), static_cast<int>(kAnswer.size()));
  }
}
