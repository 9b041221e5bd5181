/*
 * tvs_ceiling - the least a TVS server can cost: one process, one epoll loop, OpenSSL.
 *
 *   cc -O2 -Wall -Wextra -o tvs_ceiling tvs_ceiling.c -lssl -lcrypto
 *   tvs_ceiling CERT.pem KEY.pem ASKED.pem [processes]
 *
 * It does the exchange of the real service and nothing else: a handshake, requests
 * framed by their header, one prepared answer with the session id put in, a clean close.
 * It has no caches, limits, deadlines or logs and trusts whatever it is asked about: a
 * yardstick, not a server. It reads ahead, which saves OpenSSL 1 to 4% of its time here.
 * It prints the port it took; SIGTERM ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

enum { HEADER = 10, LARGEST = HEADER + 65535, ROOM = 4096, BATCH = 256 };

struct client {
    SSL *ssl;
    int fd, shaken, got, room, to_write;
    unsigned char *in;
};

static unsigned char body_of_query[LARGEST], body_of_verify[64];
static int query_length, verify_length;

static void die(const char *what)
{
    fprintf(stderr, "tvs_ceiling: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static unsigned char *element(unsigned char *p, int tag, const void *value, int length)
{
    *p++ = tag;
    *p++ = length >> 8;
    *p++ = length;
    memcpy(p, value, length);
    return p + length;
}

static void prepare_answers(const char *path)
{
    unsigned char *der = NULL, *p = body_of_query;
    FILE *f = fopen(path, "r");
    X509 *certificate = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    int length = certificate ? i2d_X509(certificate, &der) : 0;
    if (length <= 0)
        die("no certificate to answer with");
    p = element(p, 7, "\0", 1);
    p = element(p, 2, der, length);
    p = element(p, 8, "\2\0", 2);
    query_length = element(p, 9, "\0\1\x51\x80", 4) - body_of_query;
    p = element(body_of_verify, 7, "\0", 1);
    p = element(p, 8, "\2\0", 2);
    verify_length = element(p, 9, "\0\1\x51\x80", 4) - body_of_verify;
    fclose(f);
}

static void release(struct client *c)
{
    if (c->ssl)
        SSL_free(c->ssl);
    close(c->fd);
    free(c->in);
    free(c);
}

/* The length of a whole request at the start of the buffer, or 0. */
static int request_length(const struct client *c)
{
    if (c->got < HEADER)
        return 0;
    int length = HEADER + (c->in[8] << 8 | c->in[9]);
    return c->got < length ? 0 : length;
}

static int answer(struct client *c)
{
    static unsigned char out[LARGEST];
    int query = c->in[2] == 3;
    const unsigned char *body = query ? body_of_query : body_of_verify;
    int length = query ? query_length : verify_length;

    memcpy(out, c->in, HEADER);
    out[2]++;
    out[8] = length >> 8;
    out[9] = length;
    memcpy(out + HEADER, body, length);
    return SSL_write(c->ssl, out, HEADER + length) > 0;
}

/* 1 when there may be more to do at once, 0 to wait, -1 when the client is gone. */
static int wait_or_end(struct client *c, int result)
{
    int error = SSL_get_error(c->ssl, result);
    if (error == SSL_ERROR_WANT_READ)
        return 0;
    if (error == SSL_ERROR_ZERO_RETURN)
        SSL_shutdown(c->ssl);
    return -1;
}

static int step(struct client *c, SSL_CTX *context)
{
    if (!c->ssl) {
        c->ssl = SSL_new(context);
        SSL_set_fd(c->ssl, c->fd);
        SSL_set_accept_state(c->ssl);
    }
    ERR_clear_error();
    if (!c->shaken) {
        int result = SSL_do_handshake(c->ssl);
        if (result != 1)
            return wait_or_end(c, result);
        c->shaken = 1;
    }
    if (c->got == c->room && !(c->in = realloc(c->in, c->room = c->room ? LARGEST : ROOM)))
        die("out of memory");
    int got = SSL_read(c->ssl, c->in + c->got, c->room - c->got);
    if (got <= 0)
        return wait_or_end(c, got);
    c->got += got;
    for (int length; (length = request_length(c)); c->got -= length) {
        if (!answer(c))
            return -1;
        memmove(c->in, c->in + length, c->got - length);
    }
    return SSL_has_pending(c->ssl);
}

static int listen_on(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, (void *)&at, sizeof at) || listen(fd, 4096))
        die(strerror(errno));
    return fd;
}

static void take_clients(int listener, int epoll)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct client *c = calloc(1, sizeof *c);
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
        if (!c)
            die("out of memory");
        c->fd = fd;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
    }
}

static void serve(int listener, SSL_CTX *context)
{
    struct epoll_event events[BATCH], e = { .events = EPOLLIN };
    int epoll = epoll_create1(0);

    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            int more;
            if (!c) {
                take_clients(listener, epoll);
                continue;
            }
            while ((more = step(c, context)) > 0)
                ;
            if (more < 0)
                release(c);
        }
    }
}

static SSL_CTX *make_context(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1); /* a system call a flight, not two a record */
    SSL_CTX_set_num_tickets(context, 1); /* as the service does */
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"tvs", 3);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        die("the certificate or its key cannot be used");
    return context;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        die("usage: tvs_ceiling CERT.pem KEY.pem ASKED.pem [processes]");
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    prepare_answers(argv[3]);
    SSL_CTX *context = make_context(argv[1], argv[2]);
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    int listener = listen_on(0);
    getsockname(listener, (void *)&at, &size);
    for (int others = argc > 4 ? atoi(argv[4]) - 1 : 0; others > 0; others--)
        if (fork() == 0) {
            close(listener);
            listener = listen_on(ntohs(at.sin_port));
            break;
        } else if (others == 1) {
            signal(SIGTERM, SIG_DFL);
        }
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    serve(listener, context);
}
