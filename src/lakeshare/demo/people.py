"""Where the sample's customers live, and what they are called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """`weight` is the country's part of the customers, relative to the others'."""

    name: str
    region: str
    weight: int
    given_names: tuple[str, ...]
    family_names: tuple[str, ...]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ENGLISH = _names("Olivia James Amelia Noah Grace Henry Ruby Ethan Chloe Samuel Zoë Daniel Hannah Lucas Violet Owen")
_ENGLISH_FAMILIES = _names(
    "Smith Taylor Walker O'Brien Carter Hughes Bennett Cooper Murphy Reid Foster Lawson Hayes Quinn"
)
_SPANISH = _names("Sofía Mateo Valentina Diego Lucía Santiago Camila Andrés Martina Javier Inés Álvaro Elena Tomás")
_SPANISH_FAMILIES = _names("García Hernández López Muñoz Torres Ibáñez Vargas Castro Peña Romero Núñez Ortega Salas")

COUNTRIES = (
    Country("United States", "North America", 24, _ENGLISH, _ENGLISH_FAMILIES),
    Country("Canada", "North America", 8, _ENGLISH, (*_ENGLISH_FAMILIES, "Tremblay", "Bouchard", "Côté")),
    Country("United Kingdom", "Europe", 11, _ENGLISH, _ENGLISH_FAMILIES),
    Country(
        "Germany",
        "Europe",
        10,
        _names("Anna Lukas Lena Jonas Käthe Felix Jürgen Clara Sören Mia Paul Greta Björn Marie"),
        _names("Müller Schmidt Weiß Fischer Köhler Wagner Becker Schäfer Krüger Vogel Groß Lang Brandt"),
    ),
    Country(
        "France",
        "Europe",
        9,
        _names("Camille Hugo Élodie Louis Chloé Jules Zélie Théo Inès Gaspard Agnès Loïc Margaux Rémi"),
        _names("Martin Lefèvre Dubois Moreau Girard Béranger Rousseau Fontaine Chevalier Gauthier Perrin Noël"),
    ),
    Country(
        "Poland",
        "Europe",
        4,
        _names("Zofia Łukasz Małgorzata Paweł Hanna Jakub Agnieszka Michał Julia Wojciech Ewa Tomasz"),
        _names("Nowak Wójcik Kamiński Zieliński Dąbrowski Kaczmarek Wiśniewski Król Pawlak Jabłoński"),
    ),
    Country("Spain", "Europe", 5, _SPANISH, _SPANISH_FAMILIES),
    Country("Mexico", "América Latina", 6, _SPANISH, _SPANISH_FAMILIES),
    Country("Colombia", "América Latina", 3, _SPANISH, _SPANISH_FAMILIES),
    Country(
        "Brazil",
        "América Latina",
        7,
        _names("Ana João Beatriz Thiago Letícia Gabriel Conceição Rafael Larissa Antônio Júlia Caio Luíza Vinícius"),
        _names("Silva Souza Araújo Gonçalves Oliveira Ribeiro Simões Cardoso Teixeira Magalhães Rocha Brandão"),
    ),
    Country(
        "Japan",
        "Asia Pacific",
        5,
        _names("Sakura Haruto Yui Ren Aoi Sōta Hina Kaito Mei Riku"),
        _names("Itō Watanabe Yamamoto Nakamura Kobayashi Katō Yoshida Mori"),
    ),
    Country("Japan", "Asia Pacific", 3, _names("陽葵 蓮 結衣 湊 凛 蒼"), _names("佐藤 鈴木 高橋 田中 山本 中村")),
    Country(
        "India",
        "Asia Pacific",
        9,
        _names("Aarav Priya Rohan Ananya Vikram Diya Arjun Kavya Sanjay Meera Nikhil Ishita Rahul Pooja"),
        _names("Sharma Patel Iyer Reddy Gupta Nair Singh Banerjee Mehta Rao Kulkarni Das Chopra"),
    ),
    Country("Australia", "Asia Pacific", 6, _ENGLISH, _ENGLISH_FAMILIES),
    Country(
        "South Africa",
        "Africa",
        4,
        _names("Thandi Sipho Lerato Johan Naledi Pieter Zanele Bongani Anika Thabo Elna Kagiso"),
        _names("Nkosi Dlamini Botha van\u00a0Wyk Mokoena Naidoo Pretorius Khumalo Jacobs Molefe Steyn"),
    ),
    Country(
        "United Arab Emirates",
        "Middle East",
        4,
        _names("Fatima Omar Layla Yusuf Mariam Khalid Noor Hassan Amina Tariq Salma Ibrahim"),
        _names("Haddad Al-Farsi Mansour Khalil Nasser Al-Amin Saleh Darwish Rahman Aziz Qasim"),
    ),
)
