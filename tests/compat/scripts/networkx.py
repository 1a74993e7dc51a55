"""Paths and ranks in a graph; a generator's packed atlas; GraphML."""

import networkx as nx


def main():
    graph = nx.Graph([(1, 2), (2, 3), (3, 4), (1, 4), (4, 5)])
    assert nx.shortest_path(graph, 1, 5) == [1, 4, 5]
    assert nx.number_of_nodes(nx.graph_atlas(100)) == 6
    assert max(nx.betweenness_centrality(graph).items(), key=lambda item: item[1])[0] == 4
    nx.write_graphml(graph, "graph.xml")
    assert nx.read_graphml("graph.xml").number_of_edges() == 5
    assert nx.is_isomorphic(nx.petersen_graph(), nx.generalized_petersen_graph(5, 2))
    print("as expected")
