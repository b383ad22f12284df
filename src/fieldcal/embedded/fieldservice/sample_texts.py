"""The words of the sample organization: plain invented people, companies and streets, and real kinds of trades work."""

from __future__ import annotations

from dataclasses import dataclass

DOMAIN = "northwind-trades.example"


@dataclass(frozen=True, slots=True)
class Site:
    """A customer: company, contact, where. `country` and `region` as an address has them."""

    company: str
    first: str
    last: str
    street: str
    city: str
    region: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class Region:
    """Where some of the technicians live and work: Dataverse's zone code, the IANA zone, people and customers."""

    zone_code: int
    zone: str
    technicians: tuple[tuple[str, str], ...]
    sites: tuple[Site, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of work. `minutes`: how long it is thought to take."""

    incident: str
    type: str
    priority: str
    summary: str
    minutes: int


BRITAIN = "United Kingdom"
#: Numbers that their authorities keep for plays and films, by a region's zone code: nobody is ever called.
PHONES = {85: "+44 20 7946 0{:03}", 110: "+49 30 23125 {:03}", 35: "+1 202 555 01{:02}"}
REGIONS = (
    Region(
        85,
        "Europe/London",
        (("Alice", "Hart"), ("Ben", "Doyle"), ("Carys", "Vaughan"), ("Dev", "Patel")),
        (
            Site("Harbour View Apartments", "Nora", "Finch", "14 Quay Street", "Bristol", "", "BS1 4DJ", BRITAIN),
            Site("Moorland Dairy", "Owen", "Pryce", "Unit 3, Mill Lane", "Leeds", "", "LS10 1RJ", BRITAIN),
            Site("St. Anne's Primary School", "Grace", "Ward", "52 Chapel Road", "Leeds", "", "LS6 2BX", BRITAIN),
            Site("Kingsway Dental Practice", "Imran", "Shah", "7 Kingsway", "Cardiff", "", "CF10 3FD", BRITAIN),
            Site("The Old Foundry Hotel", "Tess", "Barlow", "1 Foundry Yard", "Bristol", "", "BS2 0PT", BRITAIN),
            Site("Elm Court Care Home", "Joan", "Mercer", "29 Elm Avenue", "Cardiff", "", "CF14 4HY", BRITAIN),
        ),
    ),
    Region(
        110,
        "Europe/Berlin",
        (("Eva", "Lindner"), ("Felix", "Brandt"), ("Greta", "Visser"), ("Hugo", "Keller")),
        (
            Site("Elbkontor Offices", "Jonas", "Petersen", "Am Sandkai 18", "Hamburg", "", "20457", "Germany"),
            Site("Baeckerei Sonnkorn", "Marta", "Vogt", "Lindenallee 44", "Hamburg", "", "20259", "Germany"),
            Site("Maashaven Logistics", "Sanne", "de Wit", "Havenweg 210", "Rotterdam", "", "3089 JK", "Netherlands"),
            Site("Wohnpark Prater", "Lukas", "Moser", "Ausstellungsgasse 9", "Vienna", "", "1020", "Austria"),
            Site("Klinik am Stadtpark", "Paula", "Jansen", "Parkring 2", "Vienna", "", "1010", "Austria"),
            Site("Hotel Drie Gevels", "Bram", "Mulder", "Oude Gracht 12", "Rotterdam", "", "3011 GN", "Netherlands"),
        ),
    ),
    Region(
        35,
        "America/New_York",
        (("Ivy", "Coleman"), ("Jack", "Rivera"), ("Kara", "Nolan"), ("Leo", "Santos")),
        (
            Site("Beacon Row Condominiums", "Dana", "Price", "310 Harbor St", "Boston", "MA", "02110", "USA"),
            Site("Fulton Street Grocery", "Marcus", "Hale", "88 Fulton St", "Boston", "MA", "02109", "USA"),
            Site("Liberty Tower", "Renee", "Ortiz", "1500 Walnut St", "Philadelphia", "PA", "19102", "USA"),
            Site("Delaware Print Works", "Sam", "Whitlock", "42 Delaware Ave", "Philadelphia", "PA", "19123", "USA"),
            Site("Cedar Hill Library", "Ruth", "Abbott", "9 Cedar Hill Rd", "Albany", "NY", "12207", "USA"),
            Site("Hudson Ice & Cold Storage", "Victor", "Lang", "77 River St", "Albany", "NY", "12207", "USA"),
        ),
    ),
)

PRIORITIES = (("Low", 3, 25), ("Normal", 5, 50), ("High", 8, 75), ("Emergency", 10, 100))
ORDER_TYPES = ("Repair", "Maintenance", "Inspection", "Installation")

JOBS = (
    Job(
        "Boiler fault", "Repair", "High", "Boiler locks out after ten minutes; pressure falls to 0.4 bar overnight", 120
    ),
    Job("No cooling", "Repair", "High", "Rooftop unit 2 runs but does not cool; check charge and condenser fan", 150),
    Job(
        "Air handling", "Maintenance", "Normal", "Change filters and belts on both air handlers, log pressure drop", 90
    ),
    Job(
        "Heat pump",
        "Installation",
        "Normal",
        "Commission the new heat pump, set weather curve, brief the caretaker",
        240,
    ),
    Job("Thermostat", "Repair", "Low", "Thermostat on the second floor shows 31 degrees whatever the weather", 45),
    Job("Chiller", "Inspection", "Normal", "Annual leak test of the chiller, update the refrigerant log", 120),
    Job(
        "Radiators cold", "Repair", "Normal", "Top-floor radiators stay cold; bleed the risers and balance the loop", 90
    ),
    Job(
        "Kitchen exhaust",
        "Maintenance",
        "High",
        "Clean the grease duct and check the fire damper before the audit",
        180,
    ),
    Job("Leak", "Repair", "Emergency", "Water through the ceiling below bathroom 304; main valve found and closed", 90),
    Job(
        "Blocked drain", "Repair", "High", "Floor drain in the kitchen backs up at noon; camera first, then jetting", 75
    ),
    Job("Hot water", "Repair", "High", "No hot water in the east wing since morning; circulation pump suspected", 90),
    Job("Backflow preventer", "Inspection", "Normal", "Yearly test of the backflow preventer, tag and certificate", 45),
    Job("Water meter", "Installation", "Low", "Replace two sub-meters and read in the new serial numbers", 60),
    Job("Toilet", "Repair", "Normal", "Three cisterns run on; replace the fill valves, parts are on the van", 60),
    Job(
        "Water heater",
        "Installation",
        "Normal",
        "Swap the 300 litre heater, dispose of the old one, descale the mixer",
        210,
    ),
    Job(
        "Legionella check", "Inspection", "High", "Take eight samples, flush the dead legs, note the temperatures", 105
    ),
    Job("Power loss", "Repair", "Emergency", "Half of the workshop without power; breaker trips again at once", 120),
    Job("Lighting", "Repair", "Low", "Emergency light over exit C fails its monthly test; battery or board", 45),
    Job("Distribution board", "Inspection", "Normal", "Periodic inspection of the main board with thermal camera", 150),
    Job(
        "EV charger", "Installation", "Normal", "Mount and register four 11 kW chargers, test the load management", 300
    ),
    Job("Sockets", "Repair", "Normal", "Earth-leakage breaker trips when the dishwasher starts", 60),
    Job("Generator", "Maintenance", "High", "Load test of the standby generator, change oil and fuel filter", 180),
    Job("Solar inverter", "Repair", "Normal", "Inverter reports insulation fault on string 3 after rain", 90),
    Job("Door intercom", "Repair", "Low", "Flat 12 hears nothing; handset or riser cable", 45),
    Job(
        "Elevator stuck", "Repair", "Emergency", "Car 1 stands between floors 3 and 4, nobody inside; reset failed", 120
    ),
    Job("Elevator doors", "Repair", "High", "Doors of the goods lift reopen four times before they close", 90),
    Job("Elevator service", "Maintenance", "Normal", "Quarterly service: ropes, brake, governor, pit light", 120),
    Job(
        "Elevator inspection", "Inspection", "High", "Accompany the inspector, have the load weights ready at nine", 180
    ),
    Job("Escalator", "Repair", "Normal", "Handrail runs slower than the steps; adjust the drive", 105),
    Job("Cold room", "Repair", "Emergency", "Cold room at +9 and rising; evaporator iced up", 120),
    Job("Display fridge", "Repair", "Normal", "Display case 5 drips onto the floor; clear the condensate drain", 60),
    Job("Ice machine", "Maintenance", "Low", "Descale the ice machine and change the water filter", 60),
    Job("Fire alarm", "Repair", "High", "Detector loop 2 reports open circuit since the painters left", 90),
    Job("Sprinkler", "Inspection", "High", "Flow test of the sprinkler pump, exercise all zone valves", 150),
    Job("Roller shutter", "Repair", "Normal", "Shutter at dock 4 stops half way; limit switch", 60),
    Job("Gate", "Repair", "Low", "Car park gate opens by itself on windy days; check the loop detector", 60),
    Job("Roof leak", "Repair", "High", "Damp patch by the skylight; trace it with the hose test", 105),
    Job("Gutter", "Maintenance", "Low", "Clear the gutters on the north side, photograph the joints", 75),
    Job("Building controls", "Repair", "Normal", "Night setback does not start; the controller lost its clock", 75),
    Job(
        "Compressed air",
        "Maintenance",
        "Normal",
        "Leak survey of the compressed-air net, replace the dryer cartridge",
        120,
    ),
)
