/* relay - the air of a wireless LAN between two interfaces, in user space (not every kernel has sch_netem).
 *
 *   relay SCANNER_SIDE DEVICE_SIDE [--delay-ms LO HI] [--loss PERCENT] [--ps-frac PERCENT] [--ps-ms LO HI]
 *         [--icmp-burst N --icmp-rate PER_SECOND] [--seed N]
 *
 * --delay-ms   delay of every frame, one way, uniform
 * --loss       independent loss of every frame, each way
 * --ps-frac    share of the devices (by a hash of the address) that sleep between beacons: what is sent TO them
 *              waits --ps-ms longer, uniform
 * --icmp-*     a token bucket for each device's ICMP errors (type 3), as Linux rations them; without a rate: none
 *
 * Frames are read from AF_PACKET sockets and wait in a heap ordered by time. "ready" goes to stdout once both
 * sockets are open; SIGTERM ends, and then counters go to stderr as JSON. There is no model of air time: frames
 * do not wait for each other.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SCANNER, DEVICES };                   /* the two sides, and indices of their sockets */
enum { BURST = 256 };                        /* frames read from one side before the other has its turn */
enum { BUCKETS = 1 << 18 };                  /* ICMP buckets; a /16 fills a quarter */
static const uint64_t MILLISECOND = 1000000; /* in nanoseconds, as all times here */

struct frame {
    uint64_t due;
    uint32_t number; /* keeps the order of frames that are due at once */
    uint16_t length;
    uint8_t side; /* where it goes out */
    unsigned char *bytes;
};

static struct frame *heap;
static size_t waiting, room;
static uint32_t frames;

static double delay_lo, delay_hi, loss, sleepers, sleep_lo, sleep_hi, icmp_burst, icmp_rate;
static uint64_t carried[2], lost[2], icmp_dropped, refused;
static uint64_t random_state = 88172645463325252ull;
static volatile sig_atomic_t stop;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* xorshift64 (Marsaglia 2003), as a fraction: repeatable by its seed */
static double fraction(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) * (1.0 / 9007199254740992.0);
}

static double between(double lo, double hi) { return lo + (hi - lo) * fraction(); }

/* a finalizer that spreads neighbouring addresses evenly (lowbias32) */
static uint32_t mixed(uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    x *= 0x846ca68bU;
    return x ^ x >> 16;
}

static int earlier(const struct frame *a, const struct frame *b) {
    return a->due < b->due || (a->due == b->due && (int32_t)(a->number - b->number) < 0);
}

static void swap(size_t a, size_t b) {
    struct frame held = heap[a];
    heap[a] = heap[b];
    heap[b] = held;
}

static void push(struct frame frame) {
    if (waiting == room) {
        room = room ? 2 * room : 4096;
        heap = realloc(heap, room * sizeof *heap);
        if (!heap) exit(1);
    }
    size_t at = waiting++;
    heap[at] = frame;
    for (; at && earlier(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2) swap(at, (at - 1) / 2);
}

static struct frame pop(void) {
    struct frame first = heap[0];
    heap[0] = heap[--waiting];
    for (size_t at = 0;;) {
        size_t left = 2 * at + 1, least = at;
        if (left < waiting && earlier(&heap[left], &heap[least])) least = left;
        if (left + 1 < waiting && earlier(&heap[left + 1], &heap[least])) least = left + 1;
        if (least == at) return first;
        swap(at, least);
        at = least;
    }
}

static int open_side(const char *name) {
    int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), on = 1, large = 64 << 20;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(name)};
    struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (s < 0 || !address.sll_ifindex || bind(s, (void *)&address, sizeof address)) {
        perror(name);
        exit(1);
    }
    setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all);
    setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
    setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large);
    return s;
}

/* one token bucket for each device, in an open-addressed table */
static int icmp_allowed(uint32_t device, uint64_t t) {
    static struct {
        uint32_t device;
        double tokens;
        uint64_t filled;
    } buckets[BUCKETS];
    if (icmp_rate <= 0) return 1;
    uint32_t at = mixed(device) % BUCKETS;
    while (buckets[at].device && buckets[at].device != device) at = (at + 1) % BUCKETS;
    if (!buckets[at].device) {
        buckets[at].device = device;
        buckets[at].tokens = icmp_burst;
        buckets[at].filled = t;
    }
    buckets[at].tokens += (t - buckets[at].filled) * 1e-9 * icmp_rate;
    if (buckets[at].tokens > icmp_burst) buckets[at].tokens = icmp_burst;
    buckets[at].filled = t;
    if (buckets[at].tokens < 1) return 0;
    buckets[at].tokens -= 1;
    return 1;
}

static void out(int s, const unsigned char *bytes, size_t length) {
    if (send(s, bytes, length, 0) < 0) refused++;
}

/* Decide what becomes of one frame that came in on a side. */
static void take(const int sockets[2], int from, const unsigned char *b, size_t n, uint64_t t) {
    int ip = n >= 34 && b[12] == 8 && b[13] == 0, arp = n >= 42 && b[12] == 8 && b[13] == 6;
    uint32_t device = 0; /* the frame's address on the device side, in network order */
    if (ip) memcpy(&device, b + (from == SCANNER ? 30 : 26), 4);
    else if (arp) memcpy(&device, b + (from == SCANNER ? 38 : 28), 4);
    carried[from]++;
    if (loss > 0 && fraction() < loss) {
        lost[from]++;
        return;
    }
    if (from == DEVICES && ip && b[23] == 1) { /* ICMP */
        size_t at = 14 + (b[14] & 15) * 4;
        if (n > at && b[at] == 3 && !icmp_allowed(device, t)) {
            icmp_dropped++;
            return;
        }
    }
    double wait = delay_hi > 0 ? between(delay_lo, delay_hi) : 0;
    if (from == SCANNER && sleepers > 0 && device && mixed(device) % 10000 < sleepers * 10000) wait += between(sleep_lo, sleep_hi);
    if (wait <= 0) {
        out(sockets[!from], b, n);
        return;
    }
    struct frame frame = {t + (uint64_t)(wait * MILLISECOND), frames++, n, !from, malloc(n)};
    if (!frame.bytes) exit(1);
    memcpy(frame.bytes, b, n);
    push(frame);
}

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static double number(int argc, char **argv, int at) {
    if (at >= argc) {
        fprintf(stderr, "relay: %s needs a number\n", argv[argc - 1]);
        exit(2);
    }
    return atof(argv[at]);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    for (int i = 3; i < argc; i++) {
        const char *name = argv[i];
        if (!strcmp(name, "--delay-ms")) delay_lo = number(argc, argv, ++i), delay_hi = number(argc, argv, ++i);
        else if (!strcmp(name, "--loss")) loss = number(argc, argv, ++i) / 100;
        else if (!strcmp(name, "--ps-frac")) sleepers = number(argc, argv, ++i) / 100;
        else if (!strcmp(name, "--ps-ms")) sleep_lo = number(argc, argv, ++i), sleep_hi = number(argc, argv, ++i);
        else if (!strcmp(name, "--icmp-burst")) icmp_burst = number(argc, argv, ++i);
        else if (!strcmp(name, "--icmp-rate")) icmp_rate = number(argc, argv, ++i);
        else if (!strcmp(name, "--seed")) random_state ^= (uint64_t)number(argc, argv, ++i) * 0x9E3779B97F4A7C15ull;
        else {
            fprintf(stderr, "relay: unknown option %s\n", name);
            return 2;
        }
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int sockets[2] = {open_side(argv[1]), open_side(argv[2])};
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    puts("ready");
    fflush(stdout);
    static unsigned char buffer[65536];
    struct pollfd poll[2] = {{sockets[0], POLLIN, 0}, {sockets[1], POLLIN, 0}};
    while (!stop) {
        struct timespec most = {0, 200 * MILLISECOND};
        uint64_t t = now();
        if (waiting && heap[0].due < t + most.tv_nsec) most.tv_nsec = heap[0].due > t ? heap[0].due - t : 0;
        ppoll(poll, 2, &most, NULL);
        t = now();
        for (int side = 0; side < 2; side++) {
            for (int count = 0; count < BURST; count++) {
                ssize_t n = recv(sockets[side], buffer, sizeof buffer, MSG_DONTWAIT);
                if (n <= 0) break;
                take(sockets, side, buffer, n, t);
            }
        }
        t = now();
        while (waiting && heap[0].due <= t) {
            struct frame frame = pop();
            out(sockets[frame.side], frame.bytes, frame.length);
            free(frame.bytes);
        }
    }
    fprintf(stderr, "{\"to_devices\": %lu, \"to_scanner\": %lu, \"lost_out\": %lu, \"lost_in\": %lu, \"icmp_dropped\": %lu, \"refused\": %lu}\n",
            carried[SCANNER], carried[DEVICES], lost[SCANNER], lost[DEVICES], icmp_dropped, refused);
    return 0;
}
