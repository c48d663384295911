# The Debian package: `./dev package` runs CPack with these settings.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # CPack must not build tests and benchmarks
set(debian ${CMAKE_CURRENT_SOURCE_DIR}/deploy/debian)

# dpkg wants these files compressed, without the time of the compression.
file(CONFIGURE OUTPUT generated/changelog CONTENT
  "parley (${PROJECT_VERSION}) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- Parley <parley@localhost>  Thu, 01 Jan 1970 00:00:00 +0000\n")
add_custom_command(OUTPUT generated/changelog.gz generated/parley.1.gz
  COMMAND gzip -9nc ${CMAKE_BINARY_DIR}/generated/changelog > generated/changelog.gz
  COMMAND gzip -9nc ${debian}/parley.1 > generated/parley.1.gz
  DEPENDS ${debian}/parley.1 ${CMAKE_BINARY_DIR}/generated/changelog VERBATIM)
add_custom_target(parley_package_files DEPENDS generated/changelog.gz generated/parley.1.gz)

set(generated ${CMAKE_BINARY_DIR}/generated)
install(TARGETS parley RUNTIME DESTINATION bin)
install(FILES deploy/systemd/parley.service deploy/systemd/parley.socket DESTINATION /lib/systemd/system)
install(FILES deploy/debian/parley.toml DESTINATION /etc/parley PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES deploy/debian/parley.default DESTINATION /etc/default RENAME parley PERMISSIONS OWNER_READ OWNER_WRITE)
install(FILES ${generated}/parley.1.gz DESTINATION share/man/man1)
install(FILES ${generated}/changelog.gz deploy/debian/copyright DESTINATION share/doc/parley)
install(FILES deploy/debian/lintian-overrides DESTINATION share/lintian/overrides RENAME parley)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME parley)
set(CPACK_PACKAGE_CONTACT "Parley <parley@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "self-hosted real-time messaging server")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Parley serves conversations over WebSockets and a REST API to the users of a
backend, which signs their tokens. Messages are stored in an embedded
database or in PostgreSQL; several nodes exchange events through Redis.")
set(CPACK_SET_DESTDIR ON)  # files outside of the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nginx | haproxy, postgresql, redis-server")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/conffiles ${debian}/postinst ${debian}/prerm ${debian}/postrm)
include(CPack)
