#!/usr/bin/env bash
# libcurl as Amazon Linux 2023 configures its libcurl-minimal, which functions in provided.al2023 find there: what is
# measured with Debian's own carries GnuTLS, LDAP and SSH along. Debian's source, built into cache/libcurl-minimal.
. "$(dirname "$0")/common.sh"

prefix=$PWD/cache/libcurl-minimal
[[ ! -e $prefix/lib/libcurl.so.4 ]] || exit 0
packages=(libssl-dev libnghttp2-dev libidn2-dev libpsl-dev libkrb5-dev zlib1g-dev)
[[ $(id -u) == 0 ]] || dpkg-query -W "${packages[@]}" > /dev/null || die "install ${packages[*]} first"

say "building libcurl as Amazon Linux has it"
rm -rf "$prefix"
mkdir -p "$prefix/apt/lists/partial"
apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  grep -E ' main$' | sort -u > "$prefix/apt/sources.list"
apt=(-qq -o APT::Sandbox::User=root -o Dir::State::Lists="$prefix/apt/lists"
  -o Dir::Etc::SourceList="$prefix/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null)
[[ $(id -u) != 0 ]] || DEBIAN_FRONTEND=noninteractive attend apt-get -qq -o Dpkg::Use-Pty=0 install -y \
  --no-install-recommends "${packages[@]}" > /dev/null
attend apt-get "${apt[@]}" update
(cd "$prefix/apt" && attend apt-get "${apt[@]}" source --download-only curl > /dev/null && tar -xf curl_*.orig.tar.?z)
cd "$prefix"/apt/curl-*/
# Protocols: file ftp ftps http https. Features: GSS-API HSTS HTTP2 IDN Kerberos PSL SPNEGO SSL alt-svc libz.
attend ./configure --quiet --prefix="$prefix" --disable-static --enable-symbol-hiding --enable-threaded-resolver \
  --with-openssl --with-nghttp2 --with-libidn2 --with-libpsl --with-gssapi --with-zlib --without-brotli --without-zstd \
  --without-libssh2 --without-librtmp --disable-dict --disable-gopher --disable-imap --disable-ldap --disable-ldaps \
  --disable-mqtt --disable-ntlm --disable-pop3 --disable-rtsp --disable-smb --disable-smtp --disable-telnet \
  --disable-tftp --disable-tls-srp --disable-manual > /dev/null
attend make -s -j2 -C lib > /dev/null
attend make -s -C lib install > /dev/null
rm -rf "$prefix/apt"
