#include "loadgen/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace parley::loadgen {

TlsContext MakeTlsContext(const std::string& ca_file) {
  TlsContext context(::SSL_CTX_new(::TLS_client_method()), ::SSL_CTX_free);
  if (context == nullptr) throw std::runtime_error("cannot make a TLS context");
  const bool loaded = ca_file.empty()
                          ? ::SSL_CTX_set_default_verify_paths(context.get()) == 1
                          : ::SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) == 1;
  ::ERR_clear_error();
  if (!loaded) throw std::runtime_error("cannot read the authorities of " + ca_file);
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  ::SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
  return context;
}

TlsConnection::TlsConnection(SSL_CTX* context, int fd, const Endpoint& endpoint)
    : ssl_(::SSL_new(context), ::SSL_free) {
  if (ssl_ == nullptr || ::SSL_set_fd(ssl_.get(), fd) != 1)
    throw std::runtime_error("cannot make a TLS connection");
  const char* const name = endpoint.name.c_str();
  in6_addr address{};
  const bool is_address =
      ::inet_pton(AF_INET, name, &address) == 1 || ::inet_pton(AF_INET6, name, &address) == 1;
  if (is_address) {
    ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_.get()), name);
  } else {
    ::SSL_set1_host(ssl_.get(), name);
    SSL_set_tlsext_host_name(ssl_.get(), name);
  }
  ::SSL_set_connect_state(ssl_.get());
}

ssize_t TlsConnection::Handshake() {
  ::ERR_clear_error();
  return Result(::SSL_do_handshake(ssl_.get()));
}

ssize_t TlsConnection::Read(char* into, size_t size) {
  ::ERR_clear_error();
  return Result(::SSL_read(ssl_.get(), into, static_cast<int>(std::min<size_t>(size, 1 << 20))));
}

ssize_t TlsConnection::Write(std::string_view bytes) {
  ::ERR_clear_error();
  const auto size = static_cast<int>(std::min<size_t>(bytes.size(), 1 << 20));
  return Result(::SSL_write(ssl_.get(), bytes.data(), size));
}

ssize_t TlsConnection::Result(int result) {
  if (result > 0) return result;
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      break;
  }
  const long verified = ::SSL_get_verify_result(ssl_.get());
  const char* const reason = verified == X509_V_OK ? ::ERR_reason_error_string(::ERR_peek_error())
                                                   : ::X509_verify_cert_error_string(verified);
  error_ = std::string("TLS: ") + (reason == nullptr ? "the connection was closed" : reason);
  ::ERR_clear_error();
  errno = EIO;
  return -1;
}

}  // namespace parley::loadgen
