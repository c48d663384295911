#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509err.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string_view>

namespace parley {
namespace {

constexpr size_t kRecordBytes = 16 * 1024;

[[noreturn]] void Refuse(const std::string& what, const std::string& file) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  throw std::runtime_error(what + " " + file + ": " + (reason == nullptr ? "unreadable" : reason));
}

// RFC 7301: the server supports HTTP/1.1 only, and rejects clients that offer only other protocols.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char kSpoken[] = "\x08http/1.1";
  const int chosen = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, kSpoken,
                                           sizeof kSpoken - 1, offered, offered_size);
  return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

TlsContext::TlsContext(const std::string& certificate_file, const std::string& key_file)
    : context_(Load(certificate_file, key_file)) {}

TlsContext::Context TlsContext::Load(const std::string& certificate_file,
                                     const std::string& key_file) {
  const Context loaded(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX* const context = loaded.get();
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // TLS 1.2 with forward secrecy and AEAD only (RFC 9325 §4.2); all TLS 1.3 suites qualify.
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets only
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, nullptr);
  // Rejects encrypted keys; OpenSSL's default callback would prompt for the password.
  SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    Refuse("cannot use the certificate", certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool differs = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    Refuse(
        differs ? "the certificate does not match the private key" : "cannot use the private key",
        key_file);
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    Refuse("the certificate does not match the private key", key_file);
  }
  return loaded;
}

void TlsContext::Reload(const std::string& certificate_file, const std::string& key_file) {
  Context fresh = Load(certificate_file, key_file);
  const MutexLock lock(mutex_);
  context_ = std::move(fresh);
}

int64_t TlsContext::ExpiresAt() const {
  const MutexLock lock(mutex_);
  tm expiry{};
  ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(context_.get())), &expiry);
  return timegm(&expiry);
}

ssl_st* TlsContext::NewSession() const {
  const MutexLock lock(mutex_);
  return SSL_new(context_.get());
}

TlsStream::TlsStream(const TlsContext& context, int fd) : ssl_(context.NewSession()) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  SSL_set_fd(ssl_, fd);
  SSL_set_accept_state(ssl_);
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

ssize_t TlsStream::Outcome(int result) {
  if (result > 0) return result;
  const int error = SSL_get_error(ssl_, result);
  const int system_error = errno;
  ERR_clear_error();
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  const bool wait = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  errno = wait ? EAGAIN : error == SSL_ERROR_SYSCALL && system_error != 0 ? system_error : EPROTO;
  return -1;
}

ssize_t TlsStream::Read(std::span<char> into) {
  errno = 0;
  return Outcome(SSL_read(ssl_, into.data(), static_cast<int>(into.size())));
}

ssize_t TlsStream::Write(std::span<const iovec> parts) {
  char record[kRecordBytes];
  const void* bytes = parts.front().iov_base;
  size_t size = std::min(parts.front().iov_len, kRecordBytes);
  if (size < kRecordBytes && parts.size() > 1) {
    bytes = record;
    size = 0;
    for (const iovec& part : parts) {
      const size_t take = std::min(part.iov_len, kRecordBytes - size);
      std::memcpy(record + size, part.iov_base, take);
      size += take;
      if (size == kRecordBytes) break;
    }
  }
  errno = 0;
  ssize_t written = Outcome(SSL_write(ssl_, bytes, static_cast<int>(size)));
  if (written == 0) {  // the connection has failed after the peer's close_notify
    errno = EPIPE;
    written = -1;
  }
  owed_ = written >= 0 || errno != EAGAIN ? 0 : owed_ > 0 ? owed_ : size;
  return written;
}

void TlsStream::Finish() {
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool TlsStream::HasPending() const { return SSL_pending(ssl_) > 0; }

}  // namespace parley
