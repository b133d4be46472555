"""Lists that people, companies and addresses are drawn from; every combination of them is invented."""

from __future__ import annotations

from typing import Final

from story import Town


def _words(text: str, between: str = " ") -> tuple[str, ...]:
    return tuple(text.split(between))


WOMEN: Final = _words(
    "Camille Léa Manon Chloé Inès Sarah Julie Marie Anne Claire Émilie Élodie Aurélie Céline Sandrine Nathalie Isabelle "
    "Sylvie Martine Monique Françoise Jeanne Louise Alice Zoé Romane Jade Lina Yasmine Fatima Samira Nadia Khadija Leïla "
    "Aminata Fatou Awa Mariama Aïssatou Thi-Lan Mei Linh Sofia Inês Giulia Elena Ana Maëlle Nolwenn Gwenaëlle Solène Agathe "
    "Margaux Clémence Pauline Mathilde Juliette Anaïs Laura Marion Caroline Valérie Véronique Corinne Ophélie Priya Irina"
)
MEN: Final = _words(
    "Lucas Hugo Louis Gabriel Arthur Jules Adam Raphaël Paul Antoine Thomas Nicolas Julien Alexandre Maxime Pierre Jean "
    "Michel Philippe Alain Bernard Patrick Christophe Laurent Stéphane Olivier Frédéric Guillaume Benoît Mathieu Romain "
    "Mehdi Karim Youssef Mohamed Rachid Amine Mamadou Ousmane Moussa Ibrahima Minh Wei João Marco Luca Pablo Diego Andrei "
    "Erwan Yann Loïc Tristan Bastien Florian Quentin Clément Simon Théo Noé Léo Gaspard Étienne Arnaud Vikram Dimitri Idir"
)
FAMILIES: Final = _words(
    "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garcia David "
    "Bertrand Roux Vincent Fournier Morel Girard André Mercier Dupont Lambert Bonnet François Martinez Legrand Garnier "
    "Faure Rousseau Blanc Guérin Muller Henry Roussel Nicolas Perrin Morin Mathieu Clément Gauthier Dumont Lopez Fontaine "
    "Chevalier Robin Masson Sanchez Gérard Nguyen Boyer Denis Lemaire Duval Joly Gautier Roger Roche Roy Noël Meyer Lucas "
    "Meunier Jean Perez Marchand Dufour Blanchard Marie Barbier Brun Dumas Brunet Schmitt Leroux Colas Fernandez Pierre "
    "Renard Arnaud Rolland Caron Aubert Giraud Leclerc Vidal Bourgeois Renaud Lemoine Picard Gaillard Philippe Benali "
    "Haddad Bouzid Cherif Mansouri Belkacem Saïdi Amrani Diallo Traoré Diop Ndiaye Konaté Camara Bamba Tran Pham Lê Chen "
    "Wang Da-Silva Ferreira Pereira Gonçalves Rossi Esposito Ricci Kowalski Nowak Popescu Ivanova Sharma Le-Goff Kervella "
    "Etcheverry Vandenberghe Peeters Favre Rochat Comte Chapuis Perret Berthet Vial Chavanne Poncet Thévenet Bouvier"
)
STREETS: Final = _words(
    "rue des Lilas|avenue de la Gare|rue du Moulin|place de la Mairie|rue des Tanneurs|chemin des Vignes|rue Pasteur|"
    "boulevard Gambetta|impasse du Puits|rue de l'Église|allée des Cerisiers|rue Jean-Jaurès|montée du Château|"
    "rue Victor-Hugo|chemin du Lavoir|rue des Écoles|quai du Rhône|rue de la République|sentier des Roches|rue Neuve",
    "|",
)
OCCUPATIONS: Final = _words(
    "infirmière|professeur des écoles|comptable|artisan|retraité|étudiant|cadre commercial|agricultrice|libraire|"
    "architecte|assistante de direction|ingénieur|cuisinier|ergothérapeute|graphiste",
    "|",
)
INTERESTS: Final = _words("thé|jardin|zéro déchet|cuisine|bien-être|décoration|randonnée|cosmétique maison|cadeaux", "|")

COMPANY_KINDS: Final = (
    ("Hôtel", "hôtellerie", "Hôtels et hébergement similaire", "end_user"),
    ("Gîte", "tourisme", "Hébergement touristique de courte durée", "end_user"),
    ("Salon de thé", "restauration", "Débits de boissons", "end_user"),
    ("Épicerie", "commerce de détail", "Commerce d'alimentation générale", "retailer"),
    ("Boutique", "commerce de détail", "Autres commerces de détail spécialisés", "retailer"),
    ("Institut", "bien-être", "Soins de beauté", "end_user"),
    ("Comité d'entreprise", "associations", "Autres organisations associatives", "end_user"),
    ("Comptoir", "commerce de gros", "Commerce de gros de parfumerie", "wholesaler"),
    ("Cabinet", "services", "Conseil pour les affaires", "end_user"),
)
"""First word of the name, sector, activity as the trade register words it, place in the chain."""
COMPANY_NAMES: Final = _words(
    "des Trois Tilleuls|de la Combe Noire|du Pont Rouge|des Hirondelles|de la Roseraie|du Val Clair|des Quatre Vents|"
    "de la Source Grise|du Vieux Lavoir|des Ormes Bleus|de la Tuilière|du Grand Noyer|des Deux Ruisseaux|de la Plume|"
    "du Renard Blanc|des Lucioles|de la Croix Verte|du Chant d'Eau|des Amandiers|de la Lanterne",
    "|",
)

_NEAR = "Auvergne-Rhône-Alpes"
TOWNS: Final = tuple(
    (Town(city=city, postal_code=code, region=region, country=country), weight)
    for city, code, region, country, weight in (
        ("Lyon", "69001", _NEAR, "FR", 10),
        ("Lyon", "69003", _NEAR, "FR", 12),
        ("Lyon", "69004", _NEAR, "FR", 10),
        ("Lyon", "69006", _NEAR, "FR", 9),
        ("Lyon", "69007", _NEAR, "FR", 10),
        ("Villeurbanne", "69100", _NEAR, "FR", 12),
        ("Vienne", "38200", _NEAR, "FR", 14),
        ("Brignais", "69530", _NEAR, "FR", 8),
        ("Oullins-Pierre-Bénite", "69600", _NEAR, "FR", 6),
        ("Sainte-Foy-lès-Lyon", "69110", _NEAR, "FR", 5),
        ("Tassin-la-Demi-Lune", "69160", _NEAR, "FR", 5),
        ("Caluire-et-Cuire", "69300", _NEAR, "FR", 6),
        ("Bron", "69500", _NEAR, "FR", 4),
        ("Givors", "69700", _NEAR, "FR", 4),
        ("Villefranche-sur-Saône", "69400", _NEAR, "FR", 5),
        ("Saint-Étienne", "42000", _NEAR, "FR", 6),
        ("Rive-de-Gier", "42800", _NEAR, "FR", 3),
        ("Grenoble", "38000", _NEAR, "FR", 5),
        ("Bourgoin-Jallieu", "38300", _NEAR, "FR", 4),
        ("Bourg-en-Bresse", "01000", _NEAR, "FR", 3),
        ("Annecy", "74000", _NEAR, "FR", 3),
        ("Chambéry", "73000", _NEAR, "FR", 3),
        ("Valence", "26000", _NEAR, "FR", 3),
        ("Clermont-Ferrand", "63000", _NEAR, "FR", 3),
        ("Mâcon", "71000", "Bourgogne-Franche-Comté", "FR", 3),
        ("Dijon", "21000", "Bourgogne-Franche-Comté", "FR", 3),
        ("Avignon", "84000", "Provence-Alpes-Côte d'Azur", "FR", 2),
        ("Marseille", "13006", "Provence-Alpes-Côte d'Azur", "FR", 4),
        ("Nice", "06000", "Provence-Alpes-Côte d'Azur", "FR", 2),
        ("Montpellier", "34000", "Occitanie", "FR", 3),
        ("Toulouse", "31000", "Occitanie", "FR", 3),
        ("Bordeaux", "33000", "Nouvelle-Aquitaine", "FR", 3),
        ("Nantes", "44000", "Pays de la Loire", "FR", 3),
        ("Rennes", "35000", "Bretagne", "FR", 2),
        ("Lille", "59000", "Hauts-de-France", "FR", 3),
        ("Strasbourg", "67000", "Grand Est", "FR", 3),
        ("Paris", "75011", "Île-de-France", "FR", 6),
        ("Paris", "75015", "Île-de-France", "FR", 5),
        ("Bruxelles", "1000", "Bruxelles-Capitale", "BE", 2),
        ("Liège", "4000", "Liège", "BE", 1),
        ("Namur", "5000", "Namur", "BE", 1),
        ("Genève", "1201", "Genève", "CH", 2),
        ("Lausanne", "1003", "Vaud", "CH", 1),
    )
)
"""Towns and how many customers live there, relative to one another."""

LANDLINE_RANGES: Final = {"75": "19900", "35": "26191", "44": "26191", "67": "35301", "59": "35301", "21": "35301"} | {
    "31": "53649",
    "33": "53649",
}
"""Ranges kept for fiction, by département; 04 65 71 for all others, mobiles have 06 39 98."""
