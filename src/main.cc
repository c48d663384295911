// argv -> command -> exit code. 0: done; 1: it failed; 2: the call or the configuration is wrong.
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "app/commands/commands.h"
#include "base/log.h"

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  try {
    return parley::RunCommand(args, std::cout, std::cerr);
  } catch (const std::exception& error) {
    parley::log::Flush(std::chrono::milliseconds(500));
    std::cerr << "parley: " << error.what() << "\n";
    return 1;
  }
}
