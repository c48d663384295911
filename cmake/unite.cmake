# Compiles the sources of a target in groups of a few files, each as one translation unit: the headers of a group are parsed once,
# which takes half of the time (docs/adr/0022). A group holds files of one folder; those of all features count as one folder, since most
# have few files. Files of a folder therefore share their unnamed namespaces: names in these must differ.
set(PARLEY_FILES_PER_UNIT 8 CACHE STRING "Source files that are compiled together; 1 compiles each by itself")

function(parley_unite target)
  if(PARLEY_FILES_PER_UNIT LESS 2)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE path)
    if(NOT path MATCHES "^(src|test)/(feature|.*)/")
      continue()  # generated
    endif()
    string(REPLACE / _ folder ${CMAKE_MATCH_2})
    if(NOT DEFINED count_${folder})
      set(count_${folder} 0)
    endif()
    math(EXPR unit "${count_${folder}} / ${PARLEY_FILES_PER_UNIT}")
    math(EXPR count_${folder} "${count_${folder}} + 1")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder}_${unit})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # A coroutine's frame may hold types of an unnamed namespace; g++ warns of this in included files only.
  target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  # g++ inlines less in large units; these are as large as several usual ones.
  math(EXPR large "10000 * ${PARLEY_FILES_PER_UNIT}")
  target_compile_options(${target} PRIVATE --param=large-unit-insns=${large})
endfunction()
