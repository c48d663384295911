// The TLS handshake of a URL: the chain, the name, and the expiry. Verifies after the handshake, so that each fault
// gets its own code.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "app/doctor/addresses.h"
#include "app/doctor/certificate.h"
#include "app/doctor/probe.h"
#include "net/socket_fd.h"

namespace parley::doctor {
namespace {

constexpr int kSeconds = 5;

using Context = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;
using Session = std::unique_ptr<SSL, void (*)(SSL*)>;

std::string LastError() {
  const unsigned long error = ::ERR_get_error();
  const char* reason = ::ERR_reason_error_string(error);
  return reason == nullptr ? "the peer closed the connection or did not answer" : reason;
}

bool IsForName(X509* certificate, const std::string& host) {
  return ::X509_check_ip_asc(certificate, host.c_str(), 0) == 1 ||
         ::X509_check_host(certificate, host.c_str(), host.size(), 0, nullptr) == 1;
}

// The first alternative names, for the cause of a mismatch.
std::string NamesOf(X509* certificate) {
  std::string out;
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> names(
      static_cast<GENERAL_NAMES*>(
          ::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      ::GENERAL_NAMES_free);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()) && i < 5; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    out += (out.empty() ? "" : ", ") +
           std::string(reinterpret_cast<const char*>(::ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<size_t>(::ASN1_STRING_length(name->d.dNSName)));
  }
  return out.empty() ? "no DNS name" : out;
}

void CheckCertificate(SSL* session, const std::string& host, Report& report) {
  const std::unique_ptr<X509, void (*)(X509*)> certificate(::SSL_get1_peer_certificate(session),
                                                           ::X509_free);
  if (!certificate) return report.Add(Code::tls_failed, "the server sent no certificate");
  const bool valid = CheckValidity(*certificate, "the certificate", report);
  if (!IsForName(certificate.get(), host)) {
    report.Add(Code::tls_name_mismatch, fmt::format("the certificate is for {}, not for {}",
                                                    NamesOf(certificate.get()), host));
  }
  const long verified = ::SSL_get_verify_result(session);
  if (verified == X509_V_ERR_CERT_HAS_EXPIRED || verified == X509_V_ERR_CERT_NOT_YET_VALID) {
    if (valid) report.Add(Code::tls_expired, "a certificate of the chain is not valid now");
  } else if (verified != X509_V_OK) {
    report.Add(Code::tls_untrusted, ::X509_verify_cert_error_string(verified));
  }
}

// Keeps the first error of the chain that is not about time: the validity of the leaf has its own check.
int KeepFirstError(int good, X509_STORE_CTX* store) {
  if (good == 1) return 1;
  const int error = ::X509_STORE_CTX_get_error(store);
  const bool leaf_time =
      ::X509_STORE_CTX_get_error_depth(store) == 0 &&
      (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID);
  return leaf_time ? 1 : 0;
}

}  // namespace

ProbeResult ProbeTls(const ProbeInput& input) {
  const Target& target = input.url();
  if (!target.tls) return Skip("the URL is http");
  std::string error;
  const Addresses found = Resolve(target, error);
  SocketFd socket;
  for (const addrinfo* each = found.get(); each != nullptr && socket.get() < 0;
       each = each->ai_next) {
    socket = SocketFd(ConnectTo(*each, 1'000));
  }
  if (socket.get() < 0) return Fail(Code::tls_failed, "no address accepts a connection");
  const timeval wait{.tv_sec = kSeconds, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);

  const Context context(::SSL_CTX_new(::TLS_client_method()), ::SSL_CTX_free);
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  const bool loaded = input.ca_file.empty()
                          ? ::SSL_CTX_set_default_verify_paths(context.get()) == 1
                          : ::SSL_CTX_load_verify_file(context.get(), input.ca_file.c_str()) == 1;
  if (!loaded) return Fail(Code::tls_untrusted, "cannot read the authorities of " + input.ca_file);
  // SSL_VERIFY_NONE: the handshake continues after an error, which SSL_get_verify_result returns.
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, KeepFirstError);
  const Session session(::SSL_new(context.get()), ::SSL_free);
  ::SSL_set_fd(session.get(), socket.get());
  ::SSL_set_tlsext_host_name(session.get(), target.host.c_str());
  if (::SSL_connect(session.get()) != 1) return Fail(Code::tls_failed, LastError());
  Report report;
  report.Note(::SSL_get_version(session.get()));
  CheckCertificate(session.get(), target.host, report);
  return report.Done();
}

}  // namespace parley::doctor
