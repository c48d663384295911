# parley_embed(<out-var> file...) turns files into one generated source and declares them in
# generated/assets.h. An asset has the name of its file with the path from the source directory, so two
# files never share one: `parley::assets::<path with every other character as _>` is the text, and
# `parley::assets::all` is the list of all names and texts.
function(parley_embed out)
  set(header "#pragma once\n#include <span>\n#include <string_view>\nnamespace parley::assets {\n")
  set(source "#include \"assets.h\"\nnamespace parley::assets {\n")
  set(all "")
  foreach(path ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    get_filename_component(absolute ${path} ABSOLUTE)
    file(RELATIVE_PATH file ${CMAKE_CURRENT_SOURCE_DIR} ${absolute})
    string(MAKE_C_IDENTIFIER "${file}" name)
    file(READ ${path} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND header "extern const std::string_view ${name};\n")
    string(APPEND source "static constexpr unsigned char ${name}_bytes[] = {${bytes}};\n"
      "const std::string_view ${name}(reinterpret_cast<const char*>(${name}_bytes), sizeof ${name}_bytes);\n")
    string(APPEND all "{\"${file}\", {reinterpret_cast<const char*>(${name}_bytes), sizeof ${name}_bytes}},\n")
  endforeach()
  string(APPEND header "struct Asset { std::string_view name, text; };\nextern const std::span<const Asset> all;\n")
  string(APPEND source "static const Asset table[] = {${all}};\nconst std::span<const Asset> all(table);\n")
  file(CONFIGURE OUTPUT generated/assets.h CONTENT "${header}}\n" @ONLY)
  file(CONFIGURE OUTPUT generated/assets.cc CONTENT "${source}}\n" @ONLY)
  set(${out} ${CMAKE_BINARY_DIR}/generated/assets.cc PARENT_SCOPE)
endfunction()
