# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What neighbours and clusters do wrong or otherwise, as lists.

test_cases.py has one test of each name in CASES, test_multicluster.py of each in MULTICLUSTER_CASES.
"""

from __future__ import annotations

CASES = {
    # Bad peers, at each endpoint.
    "public_answers_500": "the public document is an internal error",
    "private_answers_500": "the private document is an internal error",
    "public_is_bad_json": "the public document is cut off",
    "private_is_bad_json": "the private document is cut off",
    "public_has_the_wrong_shape": "the public document is a list, or its fields are no texts",
    "private_has_the_wrong_shape": "the private document is a list, or its lists are none",
    "public_ok_and_private_failing": "a peer is known, and doesn't tell what it offers",
    "peers_partly_stale": "one peer is down, the other one changes",
    # What is remembered.
    "lists_replaced_not_appended": "gateways and services that are gone are gone",
    "transition_times_kept_while_unchanged": "a condition that stays has the time of its change",
    "foreign_conditions_kept": "a condition of another type is another program's",
    "uuid_changed_no_token_sent": "somebody else answers at a peer's endpoint",
    # Where a gateway is.
    "load_balancer_with_ip": "an IP",
    "load_balancer_with_hostname": "a host name",
    "load_balancer_without_tls_port": "a Service whose port has another name",
    "load_balancer_with_several_entries": "more than one entry",
    "node_port_with_unready_node": "a node that is not ready is left out",
    "node_port_with_cordoned_node": "a node that takes no pods is left out",
    "node_port_with_internal_fallback": "a node without an external address",
    "advertise_without_its_key": "a ConfigMap with another key",
    "advertise_with_bad_json": "a text that is no list",
    "advertise_with_empty_list": "nothing is advertised",
    # One host.
    "same_host_from_two_peers": "two clusters of one domain offer it",
    "same_host_twice_in_one_peer": "a peer lists it twice",
    "same_host_with_differing_ports": "two peers have other ports for it",
}

MULTICLUSTER_CASES = {
    # Our exporter, asked by a consumer of the platform.
    "the_platform_reads_us": "all of the document arrives, and the API at its apiHost is tried",
    "we_do_not_know_the_way_to_our_api": "a gateway without the ports for it",
    "a_neighbour_of_another_mode": "whom we know for the federation only",
    "its_api_is_none": "what answers at our apiHost is no API",
    # The platform's exporter, asked by us.
    "we_read_the_platform": "all of its document",
    "an_older_platform": "the document has no clusterID",
    "null_gateways": "its gateway failed",
    "empty_gateways": "it has no gateway",
    "ambient_gateways_beside": "fields that we don't know",
    "a_gateway_that_means_ourselves": "one address is a loopback address",
    "an_api_host_with_more_in_it": "a path, a user or another scheme",
    "bad_json": "the document is cut off",
    "the_platform_does_not_know_us": "before its administrator entered us",
    "multicluster_is_off_over_there": "its settings say so",
    # Both.
    "the_scope_of_the_other_mode": "a token that is good for the other document only",
}
