// The configured certificate file, `ssl_certfile`.
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "app/doctor/certificate.h"
#include "app/doctor/probe.h"

namespace parley::doctor {
namespace {

constexpr int kSoonDays = 14;

}  // namespace

bool CheckValidity(const X509& certificate, const std::string& what, Report& report) {
  int days = 0, seconds = 0;
  if (::X509_cmp_current_time(::X509_get0_notBefore(&certificate)) > 0) {
    report.Add(Code::tls_not_yet_valid, what + " is not valid yet");
    return false;
  }
  if (::X509_cmp_current_time(::X509_get0_notAfter(&certificate)) < 0) {
    ::ASN1_TIME_diff(&days, &seconds, ::X509_get0_notAfter(&certificate), nullptr);
    report.Add(Code::tls_expired, fmt::format("{} expired {} days ago", what, days));
    return false;
  }
  ::ASN1_TIME_diff(&days, &seconds, nullptr, ::X509_get0_notAfter(&certificate));
  const std::string text = fmt::format("{} expires in {} days", what, days);
  if (days < kSoonDays) {
    report.Add(Code::tls_expires_soon, text);
  } else {
    report.Note(text);
  }
  return true;
}

ProbeResult ProbeCertificate(const ProbeInput& input) {
  const SslConfig& ssl = input.config.ssl;
  if (ssl.certfile.empty()) return Skip("no ssl_certfile is configured");
  Report report;
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(::SSL_CTX_new(::TLS_server_method()),
                                                             ::SSL_CTX_free);
  if (::SSL_CTX_use_certificate_chain_file(context.get(), ssl.certfile.c_str()) != 1) {
    return Fail(Code::certificate_unusable, ssl.certfile + " has no certificate in PEM");
  }
  if (::SSL_CTX_use_PrivateKey_file(context.get(), ssl.keyfile.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Fail(Code::certificate_unusable,
                ssl.keyfile + " has no private key that matches " + ssl.certfile);
  }
  CheckValidity(*::SSL_CTX_get0_certificate(context.get()), ssl.certfile, report);
  return report.Done();
}

}  // namespace parley::doctor
