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

}  // namespace

std::shared_ptr<const Key> KeyOf(const Config& config) {
  const AuthConfig& auth = config.auth;
  if (!auth.algorithm.starts_with("HS")) {
    const std::string& path = auth.private_key.empty() ? auth.public_key : auth.private_key;
    return std::make_shared<const Key>(Key::Pem(auth.algorithm, ReadFile(path)));
  }
  std::string secret = auth.secret_key;
  if (secret.empty() && !config.production()) secret = DevelopmentSecret(config.data_dir);
  if (secret.empty()) throw std::runtime_error("there is no JWT key: set JWT_SECRET_KEY");
  return std::make_shared<const Key>(Key::Secret(auth.algorithm, std::move(secret)));
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
