#ifndef WIRE_LIMITS_H
#define WIRE_LIMITS_H

#include <stdint.h>

/* The limits of the protocol, in bytes unless a name says otherwise. */

#define ID_MAX		 64
#define VM_NAME_MAX	 31
#define UUID_LEN	 36
#define TOKEN_MAX	 1024 /* a token that is looked at */
#define TOKEN_PIPE_MAX	 4096 /* a token that may be announced */
#define RECEIPT_MAX	 1024
#define REASON_MAX	 200
#define NOTE_MAX	 200
#define LINE_MAX_BYTES	 256  /* a frame's line, LF included */
#define GREETING_MAX	 4096 /* skipped before `ready` */
#define PROGRAM_MAX	 64   /* <program>/<version> */
#define BODY_MAX	 (1024 * 1024)
#define INPUT_MAX	 (1024 * 1024) /* unless the policy raises it */
#define INPUT_POLICY_MAX (16 * 1024 * 1024)
#define PIECE_MAX	 65536 /* bytes behind one out or err frame */
#define OUTPUT_DEFAULT	 (10 * 1024 * 1024)
#define OUTPUT_LIMIT_MAX (128 * 1024 * 1024)
#define TIMING_MAX	 (3 * 1024 * 1024) /* of a kept output: when it came */
#define TIMEOUT_DEFAULT	 300		   /* seconds */
#define TIMEOUT_MAX	 86400		   /* seconds; what a token may say */
#define EXPIRES_MAX	 86400		   /* seconds after issued */
#define CLOCK_SLACK	 300		   /* seconds a VM's clock may be off */
#define NUMBER_MAX	 (UINT64_C(1) << 53)   /* of a number that is read */
#define TIME_MAX	 INT64_C(253402300799) /* seconds: the end of 9999 */
#define VMS_MAX		 64
#define JOBS_DEFAULT	 4
#define JOBS_MAX	 16

#endif
