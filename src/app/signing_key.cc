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

bool TakesSecret(const AuthConfig& auth) { return auth.algorithm.starts_with("HS"); }

std::shared_ptr<const Key> PemKey(const std::string& algorithm, const std::string& path) {
  return std::make_shared<const Key>(Key::Pem(algorithm, ReadFile(path)));
}

}  // namespace

std::shared_ptr<const Key> VerifyingKey(const Config& config) {
  const AuthConfig& auth = config.auth;
  if (!TakesSecret(auth)) return PemKey(auth.algorithm, auth.public_key);
  std::string secret = auth.secret_key;
  if (secret.empty() && !config.production()) secret = DevelopmentSecret(config.data_dir);
  if (secret.empty()) throw std::runtime_error("there is no JWT key: set JWT_SECRET_KEY");
  return std::make_shared<const Key>(Key::Secret(auth.algorithm, std::move(secret)));
}

std::shared_ptr<const Key> SigningKey(const Config& config) {
  const AuthConfig& auth = config.auth;
  if (TakesSecret(auth) || auth.private_key.empty()) return VerifyingKey(config);
  return PemKey(auth.algorithm, auth.private_key);
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
  if (TakesSecret(auth)) {
    attempt("auth.secret_key", [&] { Key::Secret(auth.algorithm, auth.secret_key); });
  } else {
    attempt("auth.public_key", [&] { PemKey(auth.algorithm, auth.public_key); });
    if (!auth.private_key.empty()) {
      attempt("auth.private_key", [&] { PemKey(auth.algorithm, auth.private_key); });
    }
  }
  return errors;
}

VerifierOptions VerifierOptionsOf(const Config& config, std::shared_ptr<const Key> key) {
  VerifierOptions options{.key = std::move(key),
                          .issuer = config.auth.issuer,
                          .leeway = config.auth.leeway,
                          .max_bytes = config.limits.token_bytes};
  if (!config.auth.audience.empty()) options.audiences.push_back(config.auth.audience);
  return options;
}

}  // namespace parley
