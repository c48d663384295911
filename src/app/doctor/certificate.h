// The validity of a certificate at the present time.
#pragma once
#include <openssl/x509.h>

#include <string>

#include "app/doctor/probe.h"

namespace parley::doctor {

// Returns true if it is valid now. Adds tls_expired, tls_not_yet_valid or tls_expires_soon, or a note with the remaining days.
bool CheckValidity(const X509& certificate, const std::string& what, Report& report);

}  // namespace parley::doctor
