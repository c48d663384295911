#include "app/signing_key.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "base/ids.h"
#include "config/issuer_entry.h"

namespace parley {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read the key file " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string DevelopmentSecret(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "dev-secret";
  std::filesystem::create_directories(directory);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) return ReadFile(path);
  if (fd < 0)
    throw std::runtime_error("cannot write " + path.string() + ": " + std::strerror(errno));
  const std::string secret = RandomHex(32);
  const bool written =
      ::write(fd, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size());
  ::close(fd);
  if (!written) throw std::runtime_error("cannot write " + path.string());
  return secret;
}

}  // namespace

std::shared_ptr<const Key> SigningKey(const Config& config) {
  const AuthConfig& auth = config.auth;
  if (!auth.algorithm.starts_with("HS")) {
    const std::string& path = auth.private_key.empty() ? auth.public_key : auth.private_key;
    if (path.empty()) return nullptr;
    return std::make_shared<const Key>(Key::Pem(auth.algorithm, ReadFile(path)));
  }
  std::string secret = auth.secret_key;
  if (secret.empty() && !auth.issuers.empty() && config.production()) return nullptr;
  if (secret.empty() && !config.production()) secret = DevelopmentSecret(config.data_dir);
  if (secret.empty()) throw std::runtime_error("no JWT key is configured: set JWT_SECRET_KEY");
  return std::make_shared<const Key>(Key::Secret(auth.algorithm, std::move(secret)));
}

std::vector<std::string> KeyErrors(const Config& config) {
  const AuthConfig& auth = config.auth;
  std::vector<std::string> errors;
  const auto attempt = [&](const char* option, const auto& load) {
    try {
      load();
    } catch (const std::runtime_error& error) {
      errors.push_back(std::string(option) + ": " + error.what());
    }
  };
  const auto read_pem = [&](const std::string& path) { Key::Pem(auth.algorithm, ReadFile(path)); };
  if (auth.algorithm.starts_with("HS")) {
    attempt("auth.secret_key", [&] { Key::Secret(auth.algorithm, auth.secret_key); });
  } else if (!auth.public_key.empty()) {
    attempt("auth.public_key", [&] { read_pem(auth.public_key); });
  } else if (const auto problem = ProblemOf({auth.jwks, auth.algorithm, nullptr})) {
    errors.push_back("auth.jwks: " + *problem);
  }
  if (!auth.private_key.empty() && !auth.algorithm.starts_with("HS")) {
    attempt("auth.private_key", [&] { read_pem(auth.private_key); });
  }
  for (const std::string& entry : auth.issuers) {
    const IssuerEntry issuer = ParseIssuerEntry(entry).value();
    const auto problem = ProblemOf({issuer.keys, issuer.algorithm, nullptr});
    if (problem) errors.push_back("auth.issuers: " + *problem);
  }
  return errors;
}

VerifierOptions VerifierOptionsOf(const Config& config, std::shared_ptr<const Key> signing,
                                  std::vector<KeyPlace>& places) {
  const AuthConfig& auth = config.auth;
  VerifierOptions options{.issuer = auth.issuer,
                          .leeway = auth.leeway,
                          .require_token_type = auth.require_token_type,
                          .max_bytes = config.limits.token_bytes};
  if (!auth.audience.empty()) options.audiences.push_back(auth.audience);
  const std::string& keys = auth.jwks.empty() ? auth.public_key : auth.jwks;
  if (auth.algorithm.starts_with("HS") || keys.empty()) {
    options.key = std::move(signing);
  } else {
    options.ring = std::make_shared<KeyRing>();
    places.push_back({keys, auth.algorithm, options.ring});
  }
  for (const std::string& entry : auth.issuers) {
    const IssuerEntry issuer = ParseIssuerEntry(entry).value();
    IssuerRules rules{.issuer = issuer.issuer,
                      .ring = std::make_shared<KeyRing>(),
                      .service = issuer.service,
                      .user_prefix = issuer.user_prefix};
    if (!issuer.audience.empty()) rules.audiences.push_back(issuer.audience);
    places.push_back({issuer.keys, issuer.algorithm, rules.ring});
    options.issuers.push_back(std::move(rules));
  }
  return options;
}

}  // namespace parley
